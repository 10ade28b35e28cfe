"""The search on validation data for what a method may choose: the same grids and the same order for every method."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

Grids = Mapping[str, Sequence[float]]
"""Name of a choice -> its values, ascending; "lr" always, "rho" and "alpha" where the method has them."""

ORDER = ("rho", "alpha", "lr")
"""One after the other: those before are at their best, those after at the middle of their grid."""


@dataclass(frozen=True)
class Trial:
    """One try.

    Attributes:
        lr: learning rate.
        rho: radius of the perturbation; None where the method has none.
        alpha: share of the global part; None where it was not searched.
        score: on the validation split, higher is better; minus infinity where training diverged.
    """

    lr: float
    rho: float | None = None
    alpha: float | None = None
    score: float = math.nan

    @property
    def choice(self) -> dict[str, float | None]:
        """What was chosen, as it is stored: lr and rho, and alpha where it was searched."""
        return {"lr": self.lr, "rho": self.rho} | ({} if self.alpha is None else {"alpha": self.alpha})

    def fields(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a preset that a block gives, with those chosen."""
        return dict(given) | {name: x for name, x in self.choice.items() if name != "lr" and x is not None}


def count(grids: Grids) -> int:
    """How many trials `search` makes."""
    more = sum(len(values) - 1 for values in grids.values())
    return more + 1 if more else 0


def search(score: Callable[[Trial], float], grids: Grids) -> tuple[list[Trial], Trial]:
    """Choose one coordinate after the other, in the order `ORDER`.

    That costs the sum of the grids' lengths instead of their product. Of equal scores the earlier value of a grid
    wins. With nothing to choose nothing is tried.

    Args:
        score: a trial without a score -> the score of a short training on the validation split.
        grids: what to choose from.

    Returns:
        All trials in the order made, and the one chosen.
    """
    at = {name: values[len(values) // 2] for name, values in grids.items()}
    tried: dict[tuple[float, ...], Trial] = {}

    def scored(point: Mapping[str, float]) -> Trial:
        key = tuple(point.values())
        if key not in tried:
            trial = Trial(**point)
            value = score(trial)
            tried[key] = replace(trial, score=value if math.isfinite(value) else -math.inf)
        return tried[key]

    for name in ORDER:
        values = grids.get(name, ())
        if len(values) > 1:
            best = max(values, key=lambda value: scored({**at, name: value}).score)
            at[name] = best
    return list(tried.values()), tried.get(tuple(at.values()), Trial(**at))
