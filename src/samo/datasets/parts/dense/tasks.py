"""The pixel-wise tasks, class, depth and surface normal of each pixel, and the problem that they make, after MTAN.

Losses are means over the known pixels of a batch (0 where there is none), metrics are over all known pixels of a split,
NaN where there is none. The papers average the metrics of their test batches of two images, where an image with few
known pixels weighs as much as a whole one, and where a mean of medians is not the median.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from samo.datasets.parts.dense.split import DenseSplit, Views
from samo.datasets.parts.prepared import sheet as read_sheet
from samo.datasets.parts.tasks import SPLITS, Task
from samo.datasets.parts.tasks import problem as assemble
from samo.models import mtan, segnet
from samo.training import settings
from samo.training.problem import Problem

VOID = -1
LIMITS = (11.25, 22.5, 30.0)
BINS = 18_000
"""The median angle is read off a histogram, a hundredth of a degree a bin: any number of pixels fits."""


def _segmentation_loss(logits: Tensor, views: Views) -> Tensor:
    total = cross_entropy(logits, views.label, ignore_index=VOID, reduction="sum")
    return total / (views.label != VOID).sum().clamp(min=1)


def _confusion(logits: Tensor, views: Views) -> Tensor:
    classes, known = logits.shape[1], views.label != VOID
    pairs = views.label[known] * classes + logits.argmax(1)[known]
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def _overlap(confusion: Tensor) -> dict[str, float]:
    right = confusion.diag()
    union = confusion.sum(0) + confusion.sum(1) - right
    shared = (right / union)[union > 0].mean()
    return {"mIoU": 100 * float(shared), "Pix Acc": 100 * float(right.sum() / confusion.sum())}


_METRICS = (("mIoU", True, "%"), ("Pix Acc", True, "%"))
SEGMENTATION = Task("segmentation", _METRICS, _segmentation_loss, _confusion, _overlap, lambda v: v["mIoU"] / 100 - 1)
"""Logits [N, C, H, W]; cross-entropy. Classes that are neither labelled nor predicted do not count; the papers' code
averages them as NaN, and keeps the confusion matrix of the test images when it goes on to training images."""


def _mean(values: Tensor, known: Tensor) -> Tensor:
    return (values * known).sum() / known.sum().clamp(min=1)


def _depth_errors(predicted: Tensor, views: Views) -> Tensor:
    known = views.depth != 0
    off = (predicted - views.depth)[known].abs()
    return torch.stack([off.sum(), (off / views.depth[known]).sum(), known.sum()])


DEPTH = Task(
    "depth",
    metrics=(("Abs Err", False, "m"), ("Rel Err", False, "")),
    loss=lambda predicted, views: _mean((predicted - views.depth).abs(), views.depth != 0),
    count=_depth_errors,
    summary=lambda sums: {"Abs Err": float(sums[0] / sums[2]), "Rel Err": float(sums[1] / sums[2])},
    score=lambda values: -values["Abs Err"],
)
"""[N, 1, H, W] in metres; mean absolute error, and in the metrics relative to the target, too."""


def _cosine(predicted: Tensor, views: Views) -> tuple[Tensor, Tensor]:
    assert views.normal is not None
    return (predicted * views.normal).sum(1), views.normal.any(1)


def _normals_loss(predicted: Tensor, views: Views) -> Tensor:
    cosine, known = _cosine(predicted, views)
    return _mean(1 - cosine, known)


def _angles(predicted: Tensor, views: Views) -> Tensor:
    cosine, known = _cosine(predicted, views)
    angle = torch.rad2deg(torch.acos(cosine[known].clamp(-1, 1)))
    within = torch.stack([(angle < limit).sum() for limit in LIMITS])
    bins = (angle * (BINS / 180)).long().clamp(max=BINS - 1)
    return torch.cat([angle.sum()[None], within, torch.bincount(bins, minlength=BINS)])


def _angle_shares(sums: Tensor) -> dict[str, float]:
    histogram = sums[1 + len(LIMITS) :]
    n = histogram.sum()
    middle = torch.searchsorted(histogram.cumsum(0), (n + 1).div(2, rounding_mode="floor")) if n else math.nan
    shares = 100 * sums[1 : 1 + len(LIMITS)] / n
    values = (float(sums[0] / n), (float(middle) + 0.5) * 180 / BINS, *shares.tolist())
    return {name: value for (name, *_), value in zip(_ANGLES, values, strict=True)}


_SHARES = tuple((f"Within {limit:g}", True, "%") for limit in LIMITS)
_ANGLES = (("Angle Mean", False, "°"), ("Angle Median", False, "°"), *_SHARES)
NORMALS = Task("normals", _ANGLES, _normals_loss, _angles, _angle_shares, lambda v: -v["Angle Mean"])
"""Unit vectors [N, 3, H, W]; 1 - mean cosine. Metrics: angles in degrees, and the shares of those below `LIMITS`. The
papers take a normal whose components add up to 0 for missing; here only the zero vector is."""


Widths = Annotated[list[settings.Count], Field(min_length=2)]


class Training(settings.Training):
    """The training of `samo.training.settings.Training`, the network, and the augmentation.

    Attributes:
        network: "mtan" (SegNet with attention for each task, the papers') or "segnet" (one trunk, one head per task).
        widths: channels of the levels, each of which halves height and width; the papers' by default.
        augment: zoom and flip training images at random, as in the papers.
    """

    network: Literal["mtan", "segnet"] = "mtan"
    widths: Widths = Field(default_factory=lambda: list(segnet.WIDTHS))
    augment: bool = True


def build(prepared: Path, training: Training, tasks: Sequence[Task]) -> Problem:
    """The problem of these tasks.

    `score` is minus the mean over the tasks of their error (1 - mIoU, absolute depth error, mean angle) relative to
    that of the best constant guess, which the datasheet holds: near -1 where nothing was learnt, 0 at best, and no
    task counts more because of its unit.

    Raises:
        ValueError: the images cannot be halved as often as the network has levels.
    """
    sheet = read_sheet(prepared, "classes", "height", "width", "constant_guess")
    height, width, guess = sheet["height"], sheet["width"], sheet["constant_guess"]
    step = 2 ** len(training.widths)
    if height % step or width % step:
        raise ValueError(
            f"images of {height} x {width} do not divide by {step}, as a network of {len(training.widths)} levels "
            f"needs: choose fewer training.widths or another data.height and data.width"
        )
    outputs = [{"segmentation": len(sheet["classes"]), "depth": 1, "normals": 3}[task.name] for task in tasks]
    unit = {i for i, task in enumerate(tasks) if task is NORMALS}

    def network() -> nn.Module:
        built = (mtan.build if training.network == "mtan" else segnet.build)(outputs, training.widths, unit)
        return built.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    def relative(task: Task) -> Task:
        return replace(task, score=lambda values: task.score(values) / guess[task.name])

    splits = {split: DenseSplit(prepared, split, training.augment) for split in SPLITS}
    return assemble([relative(task) for task in tasks], network, splits, lambda _, views: views)
