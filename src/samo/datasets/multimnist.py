"""Multi-MNIST: two digits overlaid on a 36 x 36 image; task "left" reads the upper left one, "right" the other.

After Lin et al. (2019, ParetoMTL), whose files (120,000 / 20,000 images) come without the code that made them. From
their paper: MNIST digits of two different classes, one at the upper left, one at the lower right, each movable by a
few pixels, on a 36 x 36 canvas. Ours, where the paper is silent: each digit moves by 0 to `jitter` pixels away from
its corner, uniformly (4 lets the two coincide); overlap by maximum; both digits are drawn uniformly with
replacement, the second again until its class differs; the last 10,000 of the 60,000 training digits are kept for
validation, so that the digits of train, val and test are three separate sets; inputs are standardised with the mean
and standard deviation of the training composites.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from samo import settings
from samo.datasets.arrays import ArraySplit
from samo.datasets.digits import MNIST, read_split
from samo.models import lenet
from samo.problem import Metric, Problem, Values

RAW = MNIST
SIDE, DIGIT = 36, 28
VALIDATION_DIGITS = 10_000
TASKS = ("left", "right")


class Data(settings.Settings):
    """How the composites are made.

    Attributes:
        train, val, test: number of composites in each split.
        jitter: largest distance of a digit from its corner, in pixels, each way.
        seed: of the draw of digits and places.
    """

    train: Annotated[int, Field(ge=1, le=10_000_000)]
    val: Annotated[int, Field(ge=1, le=1_000_000)]
    test: Annotated[int, Field(ge=1, le=1_000_000)]
    jitter: Annotated[int, Field(ge=0, le=4)] = 4
    seed: Annotated[int, Field(ge=0)] = 0


class Training(settings.Training):
    """The training of `samo.settings.Training`, and the network."""

    network: Literal["lenet"] = "lenet"


def prepare(raw: Path, out: Path, data: Data) -> dict[str, Any]:
    """Write `<split>_images.npy` [N, 36, 36] and `<split>_labels.npy` [N, 2], both uint8; return the datasheet."""
    images, labels = read_split(raw, "train")
    held = len(labels) - VALIDATION_DIGITS
    pools = {
        "train": (images[:held], labels[:held], data.train),
        "val": (images[held:], labels[held:], data.val),
        "test": (*read_split(raw, "t10k"), data.test),
    }
    sheet: dict[str, Any] = {
        "what": "two MNIST digits overlaid on a 36 x 36 image",
        "subset_of": "120,000 training and 20,000 test composites in the papers",
        "jitter": data.jitter,
        "splits": {},
    }
    streams = np.random.default_rng(data.seed).spawn(len(pools))
    for (split, (pool, pool_labels, n)), rng in zip(pools.items(), streams, strict=True):
        composites, pairs = compose(pool, pool_labels, n, data.jitter, rng)
        np.save(out / f"{split}_images.npy", composites)
        np.save(out / f"{split}_labels.npy", pairs)
        sheet["splits"][split] = {
            "images": n,
            "source_digits": len(pool),
            "class_counts": {task: np.bincount(pairs[:, k], minlength=10).tolist() for k, task in enumerate(TASKS)},
        }
        if split == "train":
            sheet["mean"], sheet["std"] = float(composites.mean() / 255), float(composites.std() / 255)
    return sheet


def compose(
    digits: NDArray[np.uint8], labels: NDArray[np.uint8], n: int, jitter: int, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw `n` composites.

    Args:
        digits: [M, 28, 28], of at least two classes.
        labels: [M].
        n: how many.
        jitter: largest distance from the corner, in pixels.
        rng: what the draw uses.

    Returns:
        Images [n, 36, 36] and the labels (upper left, lower right) [n, 2].
    """
    first, second = rng.integers(len(labels), size=(2, n))
    while (same := labels[first] == labels[second]).any():
        second[same] = rng.integers(len(labels), size=int(same.sum()))
    moves = rng.integers(jitter + 1, size=(n, 4))
    composites = np.zeros((n, SIDE, SIDE), np.uint8)
    slack = SIDE - DIGIT
    for chosen, row, column in (
        (first, moves[:, 0], moves[:, 1]),
        (second, slack - moves[:, 2], slack - moves[:, 3]),
    ):
        for r, c in {(int(r), int(c)) for r, c in zip(row, column, strict=True)}:
            here = np.flatnonzero((row == r) & (column == c))
            window = composites[here, r : r + DIGIT, c : c + DIGIT]
            composites[here, r : r + DIGIT, c : c + DIGIT] = np.maximum(window, digits[chosen[here]])
    return composites, np.stack([labels[first], labels[second]], axis=1)


class _Accuracy:
    """Share of right classes a task, in per cent, over all examples."""

    def __init__(self) -> None:
        self.right = [0] * len(TASKS)
        self.seen = 0

    def update(self, outputs: Mapping[int, Tensor], batch: tuple[Tensor, Tensor]) -> None:
        labels = batch[1]
        self.seen += len(labels)
        for k, output in outputs.items():
            self.right[k] += int((output.argmax(1) == labels[:, k]).sum())

    def compute(self) -> Values:
        return {task: {"accuracy": 100 * right / self.seen} for task, right in zip(TASKS, self.right, strict=True)}


def problem(prepared: Path, training: Training) -> Problem:
    """Multi-MNIST from its prepared arrays, with LeNet."""
    sheet = json.loads((prepared / "datasheet.json").read_text())
    mean, std = 255 * sheet["mean"], 255 * sheet["std"]

    def transform(images: Tensor) -> Tensor:
        inputs = images.unsqueeze(1).float().sub_(mean).div_(std)
        # LeNet's few channels make this layout twice as fast on a CPU.
        return inputs.to(memory_format=torch.channels_last)

    def network() -> nn.Module:
        built = lenet.build(tasks=len(TASKS))
        built.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return built

    def forward(network: nn.Module, batch: tuple[Tensor, Tensor], tasks: Sequence[int]) -> Sequence[Tensor]:
        outputs: Sequence[Tensor] = network(batch[0], tasks)
        return outputs

    def loss(task: int, output: Tensor, batch: tuple[Tensor, Tensor]) -> Tensor:
        return cross_entropy(output, batch[1][:, task])

    def score(values: Values) -> float:
        return sum(values[task]["accuracy"] for task in TASKS) / len(TASKS)

    return Problem(
        tasks=TASKS,
        metrics=tuple(Metric(task, "accuracy", higher_is_better=True, unit="%") for task in TASKS),
        network=network,
        forward=forward,
        loss=loss,
        meter=_Accuracy,
        splits={split: ArraySplit(prepared, split, transform) for split in ("train", "val", "test")},
        score=score,
    )
