"""Which method of a profile is meant by "SAMO on MGDA": found by what it is, never by its name."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pandas as pd

from samo.optim.sharpness import preset

RADII = ("rho", "head_rho")
"""Fields that a search or a profile chooses; a method is the same whatever they are."""


@dataclass(frozen=True)
class Kind:
    """A sharpness as a claim means it: a preset, with just these fields changed."""

    sharpness: str
    changed: Mapping[str, Any] = field(default_factory=dict)
    networks: str = "shared"

    def __str__(self) -> str:
        changes = ", ".join(f"{key} {value}" for key, value in self.changed.items())
        name = f"{self.sharpness} ({changes})" if changes else self.sharpness
        return name if self.networks == "shared" else f"{name}, {self.networks} networks"


class Cell(NamedTuple):
    """One method of one dataset: its name, its aggregator, its kind and the radii that its block gives.

    A variant stands beside the main table, to show how much a setting matters.
    """

    method: str
    base: str
    kind: Kind
    radii: Mapping[str, Any]
    variant: bool = False


def cells(runs: pd.DataFrame) -> list[Cell]:
    """The methods of one dataset's runs."""
    rows = runs.drop_duplicates("method").to_dict("records")
    return [_cell(row) for row in rows]


def find(known: Iterable[Cell], kind: Kind, base: str) -> str | None:
    """The name of the method of this kind and aggregator.

    Of several, one that is no variant, and of these that with the fewest radii given (the one whose radius was
    searched); None where there is none, or no single one.
    """
    same = [cell for cell in known if cell.base == base and cell.kind == kind]
    same = [cell for cell in same if not cell.variant] or same
    least = min((len(cell.radii) for cell in same), default=0)
    names = [cell.method for cell in same if len(cell.radii) == least]
    return names[0] if len(names) == 1 else None


def bases(known: Sequence[Cell]) -> list[str]:
    """The aggregators of the methods with a shared trunk, in order."""
    return list(dict.fromkeys(cell.base for cell in known if cell.kind.networks == "shared"))


def _cell(row: Mapping[Any, Any]) -> Cell:
    given = dict(row["fields"])
    default = preset(row["sharpness"])
    changed = {
        key: value
        for key, value in given.items()
        if key not in RADII and _plain(getattr(default, key)) != _plain(value)
    }
    radii = {key: value for key, value in given.items() if key in RADII}
    kind = Kind(row["sharpness"], changed, row["networks"])
    return Cell(row["method"], row["aggregator"], kind, radii, bool(row.get("variant", False)))


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
