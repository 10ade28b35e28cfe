"""Two 28 x 28 images overlaid on a 36 x 36 canvas; one task reads the upper left one, the other the lower right one.

After Lin et al. (2019, ParetoMTL), whose files (120,000 / 20,000 images a dataset) come without the code that made
them. From their paper: images of two different classes, one at the upper left, one at the lower right, each movable
by a few pixels. Ours, where the paper is silent: each image moves by 0 to `jitter` pixels away from its corner,
uniformly (4 lets the two coincide); overlap by maximum; both images are drawn uniformly with replacement; where both
come from one dataset the second is drawn again until its class differs; the last 10,000 of the 60,000 training images
are kept for validation, so that the images of train, val and test are three separate sets; inputs are standardised
with the mean and standard deviation of the training composites.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from samo.datasets.parts.arrays import ArraySplit
from samo.datasets.parts.digits import read_split
from samo.datasets.parts.prepared import sheet as read_sheet
from samo.datasets.parts.tasks import SPLITS, classification
from samo.datasets.parts.tasks import problem as assemble
from samo.models import lenet, resnet18
from samo.training import settings
from samo.training.problem import Problem

TASKS = ("left", "right")
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
    """What is drawn from: images [M, 28, 28] and labels [M]."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def prepare(
    raw: Path, out: Path, data: Data, what: str, tasks: Sequence[str] = TASKS, folders: Sequence[str] = (".",)
) -> dict[str, Any]:
    """Write `<split>_images.npy` [N, 36, 36] and `<split>_labels.npy` [N, 2], both uint8; return the datasheet.

    Args:
        raw, out, data: as for every dataset.
        what: a line for the datasheet.
        tasks: the names of the two tasks, upper left first.
        folders: where in `raw` the idx files lie: of both images, or of the upper left and of the lower right one.
    """
    pools = [_pools(raw / folder) for folder in folders]
    sheet: dict[str, Any] = {
        "what": what,
        "subset_of": "120,000 training and 20,000 test composites in the papers",
        "jitter": data.jitter,
        "splits": {},
    }
    for split, rng in zip(SPLITS, np.random.default_rng(data.seed).spawn(len(SPLITS)), strict=True):
        sources = [of[split] for of in pools]
        if len(sources) == 1 and len(np.unique(sources[0].labels)) < 2:
            raise ValueError(f"{raw}: {split} has images of less than two classes")
        composites, pairs = compose(sources, getattr(data, split), data.jitter, rng)
        np.save(out / f"{split}_images.npy", composites)
        np.save(out / f"{split}_labels.npy", pairs)
        sheet["splits"][split] = {
            "images": len(pairs),
            "source_images": sum(len(source.labels) for source in sources),
            "class_counts": {task: np.bincount(pairs[:, k], minlength=10).tolist() for k, task in enumerate(tasks)},
        }
        if split == "train":
            sheet["mean"], sheet["std"] = float(composites.mean() / 255), float(composites.std() / 255)
    return sheet


def _pools(folder: Path) -> dict[str, Pool]:
    images, labels = read_split(folder, "train")
    if len(labels) <= HELD_OUT:
        raise ValueError(f"{folder}: {len(labels)} images in train, of which {HELD_OUT} are kept for validation")
    train, val = (Pool(images[part], labels[part]) for part in (slice(-HELD_OUT), slice(-HELD_OUT, None)))
    return {"train": train, "val": val, "test": Pool(*read_split(folder, "t10k"))}


def compose(
    pools: Sequence[Pool], n: int, jitter: int, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw `n` composites: images [n, 36, 36] and the labels (upper left, lower right) [n, 2].

    Args:
        pools: one, of at least two classes, for both images; or one for the upper left and one for the lower right.
        n, jitter, rng: how many, the largest distance from the corner in pixels, what the draw uses.
    """
    upper, lower = pools[0], pools[-1]
    first, second = rng.integers(len(upper.labels), size=n), rng.integers(len(lower.labels), size=n)
    while len(pools) == 1 and (same := upper.labels[first] == lower.labels[second]).any():
        second[same] = rng.integers(len(lower.labels), size=int(same.sum()))
    moves = rng.integers(jitter + 1, size=(n, 4))
    composites = np.zeros((n, SIDE, SIDE), np.uint8)
    corners = np.abs([0, 0, SIDE - DIGIT, SIDE - DIGIT] - moves).T
    for images, row, column in ((upper.images[first], *corners[:2]), (lower.images[second], *corners[2:])):
        for r, c in {(int(r), int(c)) for r, c in zip(row, column, strict=True)}:
            here = np.flatnonzero((row == r) & (column == c))
            window = composites[here, r : r + DIGIT, c : c + DIGIT]
            composites[here, r : r + DIGIT, c : c + DIGIT] = np.maximum(window, images[here])
    return composites, np.stack([upper.labels[first], lower.labels[second]], axis=1)


def problem(prepared: Path, training: Training, tasks: Sequence[str] = TASKS) -> Problem:
    """The problem from its prepared arrays; its score is the mean accuracy."""
    sheet = read_sheet(prepared, "mean", "std")
    mean, std = 255 * sheet["mean"], 255 * sheet["std"]

    def transform(images: Tensor) -> Tensor:
        # Twice as fast for LeNet's few channels on a CPU.
        return images.unsqueeze(1).float().sub_(mean).div_(std).to(memory_format=torch.channels_last)

    def network() -> nn.Module:
        return NETWORKS[training.network](tasks=len(tasks)).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    splits = {split: ArraySplit(prepared, split, transform) for split in SPLITS}
    return assemble([classification(name) for name in tasks], network, splits)
