"""Multi-Fashion: two garments of different classes; how they are overlaid is in `samo.datasets.parts.composites`."""

from pathlib import Path
from typing import Any

from samo.datasets.parts import composites
from samo.datasets.parts.composites import Data, Training
from samo.datasets.parts.digits import FASHION
from samo.training.problem import Problem

__all__ = ["RAW", "Data", "Training", "prepare", "problem"]

RAW = FASHION
TASKS = ("left", "right")


def prepare(raw: Path, out: Path, data: Data) -> dict[str, Any]:
    """Write the composites; see `samo.datasets.parts.composites.prepare`."""
    return composites.prepare([raw], TASKS, "two Fashion-MNIST garments overlaid on a 36 x 36 image", out, data)


def problem(prepared: Path, training: Training) -> Problem:
    """Multi-Fashion from its prepared arrays."""
    return composites.problem(prepared, training, TASKS)
