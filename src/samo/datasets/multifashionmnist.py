"""Multi-Fashion+MNIST: a digit at the upper left, a garment at the lower right; see `samo.datasets.parts.composites`.

Which of the two lies where is nowhere written; the papers' accuracies (98 % for the first task, 89 % for the second)
say that the first, upper left one is the digit.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from samo.datasets.parts import composites
from samo.datasets.parts.composites import Data, Training
from samo.datasets.parts.digits import FASHION, MNIST
from samo.training.problem import Problem

__all__ = ["RAW", "Data", "Training", "prepare", "problem"]

# Both publishers name their files alike: a folder each.
RAW = tuple(
    replace(file, name=f"{folder}/{file.name}")
    for folder, files in (("mnist", MNIST), ("fashion", FASHION))
    for file in files
)
TASKS = ("digit", "garment")


def prepare(raw: Path, out: Path, data: Data) -> dict[str, Any]:
    """Write the composites; see `samo.datasets.parts.composites.prepare`."""
    what = "an MNIST digit and a Fashion-MNIST garment overlaid on a 36 x 36 image"
    return composites.prepare([raw / "mnist", raw / "fashion"], TASKS, what, out, data)


def problem(prepared: Path, training: Training) -> Problem:
    """Multi-Fashion+MNIST from its prepared arrays."""
    return composites.problem(prepared, training, TASKS)
