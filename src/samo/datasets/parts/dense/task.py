"""What makes a pixel-wise task: its loss, its metrics, the error that validation goes by."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from samo.datasets.parts.dense.split import Views


class TaskMeter(Protocol):
    """Gathers one task's outputs."""

    def update(self, output: Tensor, views: Views, /) -> None:
        """Take a batch."""

    def compute(self) -> dict[str, float]:
        """Metric -> value over everything taken."""


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        name: as reports call it.
        metrics: name, whether higher is better, unit.
        loss: (output, views) -> mean over the known pixels of a batch; 0 where there is none.
        meter: makes a fresh meter.
        error: the meter's values -> the one error that validation goes by.
    """

    name: str
    metrics: tuple[tuple[str, bool, str], ...]
    loss: Callable[[Tensor, Views], Tensor]
    meter: Callable[[], TaskMeter]
    error: Callable[[dict[str, float]], float]
