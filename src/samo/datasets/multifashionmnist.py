"""Multi-Fashion+MNIST: a digit at the upper left, a garment at the lower right; see `samo.datasets.parts.composites`.

Which of the two lies where is not documented; the papers' accuracies (98 % for the first task, 89 % for the second)
say that the first, upper left one is the digit.
"""

from dataclasses import replace
from functools import partial

from samo.datasets.parts import composites
from samo.datasets.parts.composites import Data, Training
from samo.datasets.parts.digits import FASHION, MNIST

__all__ = ["RAW", "Data", "Training", "prepare", "problem"]

TASKS = ("digit", "garment")
FOLDERS = {"mnist": MNIST, "fashion": FASHION}  # both publishers name their files alike
RAW = tuple(replace(file, name=f"{folder}/{file.name}") for folder, files in FOLDERS.items() for file in files)
WHAT = "an MNIST digit and a Fashion-MNIST garment overlaid on a 36 x 36 image"

prepare = partial(composites.prepare, what=WHAT, tasks=TASKS, folders=tuple(FOLDERS))
problem = partial(composites.problem, tasks=TASKS)
