"""One file per dataset; its file name is its key in params.yaml. What a dataset module holds is in `Dataset`."""

import importlib
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from samo.datasets.parts.sources import Given, RawFile
from samo.training.problem import Problem
from samo.training.settings import Settings


class Dataset(Protocol):
    """What a module in this folder gives."""

    RAW: Sequence[RawFile] | Given
    """The files that `fetch` brings (none where the data are made), or what a person must bring."""
    Data: type[Settings]
    """How the examples are made: the block `datasets.<name>.data`."""
    Training: type[Settings]
    """How networks are trained on them: the block `datasets.<name>.training`, with `batch`, `schedule`, …"""

    def prepare(self, raw: Path, out: Path, data: Any) -> dict[str, Any]:
        """Raw files (for `Given` data: the folder that the person filled) -> compact arrays in `out`.

        Returns the datasheet: counts, shapes, class balance, what was left out and why.

        Raises:
            ValueError: a raw file is not as published, or there are fewer examples than asked for; which, it says.
        """

    def problem(self, prepared: Path, training: Any) -> Problem:
        """Prepared arrays, mapped into memory -> the problem."""


def names() -> list[str]:
    """The datasets there are: the modules of this folder."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.ispkg)


def get(name: str) -> Dataset:
    """The module of a dataset; a KeyError where there is none of that name, a ValueError if it lacks something."""
    if name not in names():
        raise KeyError(name)
    module = importlib.import_module(f"samo.datasets.{name}")
    wanted = [*Dataset.__annotations__, *(part for part in vars(Dataset) if not part.startswith("_"))]
    if missing := [part for part in wanted if not hasattr(module, part)]:
        raise ValueError(f"samo.datasets.{name}: no {missing[0]}; a dataset has {', '.join(wanted)}")
    return cast("Dataset", module)
