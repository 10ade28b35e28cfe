"""Two 28 x 28 images overlaid on a 36 x 36 canvas; one task reads the upper left one, the other the lower right one.

After Lin et al. (2019, ParetoMTL), whose files (120,000 / 20,000 images a dataset) come without the code that made
them. From their paper: images of two different classes, one at the upper left, one at the lower right, each movable
by a few pixels. Ours, where the paper is silent: each image moves by 0 to `jitter` pixels away from its corner,
uniformly (4 lets the two coincide); overlap by maximum; both images are drawn uniformly with replacement; where both
come from one dataset the second is drawn again until its class differs; the last 10,000 of the 60,000 training images
are kept for validation, so that the images of train, val and test are three separate sets; inputs are standardised
with the mean and standard deviation of the training composites.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from samo.datasets.parts.arrays import ArraySplit
from samo.datasets.parts.digits import read_split
from samo.datasets.parts.prepared import sheet as read_sheet
from samo.models import lenet, resnet18
from samo.training import settings
from samo.training.problem import Meter, Metric, Problem, Values

SIDE, DIGIT = 36, 28
NETWORKS = {"lenet": lenet.build, "resnet18": resnet18.build_digits}
HELD_OUT = 10_000
"""How many of the training images are kept for validation."""


class Data(settings.Settings):
    """How the composites are made.

    Attributes:
        train, val, test: number of composites in each split.
        jitter: largest distance of an image from its corner, in pixels, each way.
        seed: of the draw of images and places.
    """

    train: Annotated[int, Field(ge=1, le=10_000_000)]
    val: Annotated[int, Field(ge=1, le=1_000_000)]
    test: Annotated[int, Field(ge=1, le=1_000_000)]
    jitter: Annotated[int, Field(ge=0, le=4)] = 4
    seed: Annotated[int, Field(ge=0)] = 0


class Training(settings.Training):
    """The training of `samo.training.settings.Training`, and the network."""

    network: Literal["lenet", "resnet18"] = "lenet"


class Pool(NamedTuple):
    """What is drawn from: images [M, 28, 28] and their labels [M]."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def prepare(folders: Sequence[Path], tasks: tuple[str, str], what: str, out: Path, data: Data) -> dict[str, Any]:
    """Write `<split>_images.npy` [N, 36, 36] and `<split>_labels.npy` [N, 2], both uint8; return the datasheet.

    Args:
        folders: where the idx files lie: of both images, or of the upper left and of the lower right one.
        tasks: the names of the two tasks, upper left first.
        what: a line for the datasheet.
        out: where to.
        data: how many and how.

    Raises:
        ValueError: a file is not what it should be; it or its folder is named.
    """
    numbers = {"train": data.train, "val": data.val, "test": data.test}
    pools = [_pools(folder) for folder in folders]
    sheet: dict[str, Any] = {
        "what": what,
        "subset_of": "120,000 training and 20,000 test composites in the papers",
        "jitter": data.jitter,
        "splits": {},
    }
    streams = np.random.default_rng(data.seed).spawn(len(numbers))
    for (split, n), rng in zip(numbers.items(), streams, strict=True):
        sources = [of[split] for of in pools]
        if len(sources) == 1 and len(np.unique(sources[0].labels)) < 2:
            raise ValueError(f"{folders[0]}: {split} has images of less than two classes")
        composites, pairs = compose(sources, n, data.jitter, rng)
        np.save(out / f"{split}_images.npy", composites)
        np.save(out / f"{split}_labels.npy", pairs)
        sheet["splits"][split] = {
            "images": n,
            "source_images": sum(len(source.labels) for source in sources),
            "class_counts": {task: np.bincount(pairs[:, k], minlength=10).tolist() for k, task in enumerate(tasks)},
        }
        if split == "train":
            sheet["mean"], sheet["std"] = float(composites.mean() / 255), float(composites.std() / 255)
    return sheet


def _pools(folder: Path) -> dict[str, Pool]:
    images, labels = read_split(folder, "train")
    held = len(labels) - HELD_OUT
    if held < 1:
        raise ValueError(f"{folder}: {len(labels)} images in train, of which {HELD_OUT} are kept for validation")
    return {
        "train": Pool(images[:held], labels[:held]),
        "val": Pool(images[held:], labels[held:]),
        "test": Pool(*read_split(folder, "t10k")),
    }


def compose(
    pools: Sequence[Pool], n: int, jitter: int, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw `n` composites.

    Args:
        pools: one, of at least two classes, for both images; or one for the upper left and one for the lower right.
        n: how many.
        jitter: largest distance from the corner, in pixels.
        rng: what the draw uses.

    Returns:
        Images [n, 36, 36] and the labels (upper left, lower right) [n, 2].
    """
    upper, lower = pools[0], pools[-1]
    first, second = rng.integers(len(upper.labels), size=n), rng.integers(len(lower.labels), size=n)
    while len(pools) == 1 and (same := upper.labels[first] == lower.labels[second]).any():
        second[same] = rng.integers(len(lower.labels), size=int(same.sum()))
    moves = rng.integers(jitter + 1, size=(n, 4))
    composites = np.zeros((n, SIDE, SIDE), np.uint8)
    slack = SIDE - DIGIT
    for images, row, column in (
        (upper.images[first], moves[:, 0], moves[:, 1]),
        (lower.images[second], slack - moves[:, 2], slack - moves[:, 3]),
    ):
        for r, c in {(int(r), int(c)) for r, c in zip(row, column, strict=True)}:
            here = np.flatnonzero((row == r) & (column == c))
            window = composites[here, r : r + DIGIT, c : c + DIGIT]
            composites[here, r : r + DIGIT, c : c + DIGIT] = np.maximum(window, images[here])
    return composites, np.stack([upper.labels[first], lower.labels[second]], axis=1)


class _Accuracy:
    """Share of right classes a task, in per cent, over all examples."""

    def __init__(self, tasks: tuple[str, str]) -> None:
        self.tasks = tasks
        self.right = [0] * len(tasks)
        self.seen = 0

    def update(self, outputs: Mapping[int, Tensor], batch: tuple[Tensor, Tensor]) -> None:
        labels = batch[1]
        self.seen += len(labels)
        for k, output in outputs.items():
            self.right[k] += int((output.argmax(1) == labels[:, k]).sum())

    def compute(self) -> Values:
        shares = zip(self.tasks, self.right, strict=True)
        return {task: {"accuracy": 100 * right / self.seen} for task, right in shares}


def problem(prepared: Path, training: Training, tasks: tuple[str, str]) -> Problem:
    """The problem from its prepared arrays; its score is the mean accuracy."""
    sheet = read_sheet(prepared, "mean", "std")
    mean, std = 255 * sheet["mean"], 255 * sheet["std"]

    def transform(images: Tensor) -> Tensor:
        inputs = images.unsqueeze(1).float().sub_(mean).div_(std)
        # Twice as fast for LeNet's few channels on a CPU.
        return inputs.to(memory_format=torch.channels_last)

    def network() -> nn.Module:
        built = NETWORKS[training.network](tasks=len(tasks))
        built.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return built

    def forward(network: nn.Module, batch: tuple[Tensor, Tensor], asked: Sequence[int]) -> Sequence[Tensor]:
        outputs: Sequence[Tensor] = network(batch[0], asked)
        return outputs

    def loss(task: int, output: Tensor, batch: tuple[Tensor, Tensor]) -> Tensor:
        return cross_entropy(output, batch[1][:, task])

    def score(values: Values) -> float:
        return sum(values[task]["accuracy"] for task in tasks) / len(tasks)

    def meter() -> Meter:
        return _Accuracy(tasks)

    return Problem(
        tasks=tasks,
        metrics=tuple(Metric(task, "accuracy", higher_is_better=True, unit="%") for task in tasks),
        network=network,
        forward=forward,
        loss=loss,
        meter=meter,
        splits={split: ArraySplit(prepared, split, transform) for split in ("train", "val", "test")},
        score=score,
    )
