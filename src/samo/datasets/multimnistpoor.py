"""Multi-MNIST with few data: 6,400 composites, on which a long training leaves a gap between training and test."""

from typing import Annotated

from pydantic import Field

from samo.datasets import multimnist
from samo.datasets.multimnist import RAW, Training, prepare, problem

__all__ = ["RAW", "Data", "Training", "prepare", "problem"]


class Data(multimnist.Data):
    """How the composites are made; see `samo.datasets.parts.composites.Data`."""

    train: Annotated[int, Field(ge=1, le=10_000_000)] = 6400
    val: Annotated[int, Field(ge=1, le=1_000_000)] = 5000
    test: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
