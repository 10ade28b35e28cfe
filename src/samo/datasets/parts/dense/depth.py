"""How far a pixel is: absolute error; 0 in the target is a missing measurement."""

from torch import Tensor

from samo.datasets.parts.dense.split import Views
from samo.datasets.parts.dense.task import Task

METRICS = (("Abs Err", False, ""), ("Rel Err", False, ""))


def loss(predicted: Tensor, views: Views) -> Tensor:
    """Mean absolute error over the measured pixels of the batch; 0 where there is none. `predicted` [N, 1, H, W]."""
    known = views.depth != 0
    return ((predicted - views.depth).abs() * known).sum() / known.sum().clamp(min=1)


class Meter:
    """Absolute and relative error over all measured pixels.

    The papers average the means of their test batches, in which an image with few measured pixels weighs as much
    as a whole one.
    """

    def __init__(self) -> None:
        self.absolute = self.relative = 0.0
        self.pixels = 0

    def update(self, predicted: Tensor, views: Views) -> None:
        """Take a batch's `predicted` [N, 1, H, W]."""
        known = views.depth != 0
        target = views.depth[known]
        off = (predicted[known] - target).abs()
        # Single precision is enough for a batch, not for a split; some accelerators have nothing else.
        self.absolute += float(off.sum())
        self.relative += float((off / target).sum())
        self.pixels += len(off)

    def compute(self) -> dict[str, float]:
        """Errors in the data's own unit and as a share of the target; NaN where nothing was measured."""
        n = self.pixels or float("nan")
        return {"Abs Err": self.absolute / n, "Rel Err": self.relative / n}


TASK = Task("depth", METRICS, loss, Meter, error=lambda values: values["Abs Err"])
