"""One class a pixel: cross-entropy; mean intersection over union and pixel accuracy."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from samo.datasets.parts.dense.split import Views
from samo.datasets.parts.dense.task import Task

METRICS = (("mIoU", True, "%"), ("Pix Acc", True, "%"))
VOID = -1


def loss(logits: Tensor, views: Views) -> Tensor:
    """Mean over the labelled pixels of the batch; 0 where none is labelled. `logits` [N, C, H, W]."""
    total = cross_entropy(logits, views.label, ignore_index=VOID, reduction="sum")
    return total / (views.label != VOID).sum().clamp(min=1)


class Meter:
    """A confusion matrix over everything taken.

    The papers' code keeps the matrix of the test images when it goes on to training images, and averages a class
    that never occurs as NaN; here a meter is fresh and only classes that occur (labelled or predicted) count.
    """

    def __init__(self) -> None:
        self.confusion = torch.zeros(0, 0, dtype=torch.int64)

    def update(self, logits: Tensor, views: Views) -> None:
        """Take a batch's `logits` [N, C, H, W]."""
        classes = logits.shape[1]
        if not self.confusion.numel():
            self.confusion = torch.zeros(classes, classes, dtype=torch.int64)
        known = views.label != VOID
        pairs = views.label[known] * classes + logits.argmax(1)[known]
        self.confusion += torch.bincount(pairs, minlength=classes**2).reshape(classes, classes).cpu()

    def compute(self) -> dict[str, float]:
        """In per cent; NaN where no pixel was labelled."""
        right = self.confusion.diag().double()
        union = self.confusion.sum(0) + self.confusion.sum(1) - right
        overlap = (right / union)[union > 0].mean()
        return {"mIoU": 100 * float(overlap), "Pix Acc": 100 * float(right.sum() / self.confusion.sum())}


TASK = Task("segmentation", METRICS, loss, Meter, error=lambda values: 1 - values["mIoU"] / 100)
