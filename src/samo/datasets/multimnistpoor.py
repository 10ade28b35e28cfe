"""Multi-MNIST with few data: 6,400 composites, on which a long training leaves a gap between training and test."""

from functools import partial
from typing import Annotated

from pydantic import Field

from samo.datasets.parts import composites
from samo.datasets.parts.composites import Training, problem
from samo.datasets.parts.digits import MNIST as RAW

__all__ = ["RAW", "Data", "Training", "prepare", "problem"]


class Data(composites.Data):
    """How the composites are made; see `samo.datasets.parts.composites.Data`."""

    train: Annotated[int, Field(ge=1, le=10_000_000)] = 6400
    val: Annotated[int, Field(ge=1, le=1_000_000)] = 5000
    test: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000


prepare = partial(composites.prepare, what="two MNIST digits overlaid on a 36 x 36 image, few of them")
