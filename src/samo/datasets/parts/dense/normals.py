"""Where the surface at a pixel faces: cosine to the true normal; a target of length 0 is missing."""

import math

import torch
from torch import Tensor

from samo.datasets.parts.dense.split import Views
from samo.datasets.parts.dense.task import Task

LIMITS = (11.25, 22.5, 30.0)
METRICS = (
    ("Angle Mean", False, "°"),
    ("Angle Median", False, "°"),
    *((f"Within {limit:g}", True, "%") for limit in LIMITS),
)
BINS = 18_000
"""The median is read off a histogram of the angles, a hundredth of a degree a bin: any number of pixels fits."""


def loss(predicted: Tensor, views: Views) -> Tensor:
    """1 - mean cosine over the known pixels of the batch; 0 where there is none. `predicted` [N, 3, H, W], unit.

    The papers take a normal whose components add up to 0 for missing; here only the zero vector is.
    """
    target = _target(views)
    known = target.any(1)
    off = (1 - (predicted * target).sum(1)) * known
    return off.sum() / known.sum().clamp(min=1)


class Meter:
    """Angles over all known pixels.

    The papers average the mean, the median and the shares of their test batches. A mean of medians is not the
    median: with two images a batch it comes out differently.
    """

    def __init__(self) -> None:
        self.total = 0.0
        self.within = [0] * len(LIMITS)
        self.histogram = torch.zeros(BINS, dtype=torch.int64)

    def update(self, predicted: Tensor, views: Views) -> None:
        """Take a batch's `predicted` [N, 3, H, W], unit."""
        target = _target(views)
        cosine = (predicted * target).sum(1)[target.any(1)]
        angle = torch.rad2deg(torch.acos(cosine.clamp(-1, 1)))
        self.total += float(angle.sum())
        for k, limit in enumerate(LIMITS):
            self.within[k] += int((angle < limit).sum())
        bins = (angle * (BINS / 180)).long().clamp(max=BINS - 1)
        self.histogram += torch.bincount(bins, minlength=BINS).cpu()

    def compute(self) -> dict[str, float]:
        """Mean and median in degrees, shares in per cent; NaN where nothing was known."""
        n = int(self.histogram.sum())
        if not n:
            return {name: math.nan for name, *_ in METRICS}
        middle = int(torch.searchsorted(self.histogram.cumsum(0), (n + 1) // 2))
        shares = {f"Within {limit:g}": 100 * inside / n for limit, inside in zip(LIMITS, self.within, strict=True)}
        return {"Angle Mean": self.total / n, "Angle Median": (middle + 0.5) * 180 / BINS, **shares}


def _target(views: Views) -> Tensor:
    if views.normal is None:
        raise ValueError("these views hold no normals")
    return views.normal


TASK = Task("normals", METRICS, loss, Meter, error=lambda values: values["Angle Mean"])
