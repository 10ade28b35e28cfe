"""Multi-MNIST: two digits of different classes; how they are overlaid is in `samo.datasets.parts.composites`."""

from functools import partial

from samo.datasets.parts import composites
from samo.datasets.parts.composites import Data, Training, problem
from samo.datasets.parts.digits import MNIST as RAW

__all__ = ["RAW", "Data", "Training", "prepare", "problem"]

prepare = partial(composites.prepare, what="two MNIST digits overlaid on a 36 x 36 image")
