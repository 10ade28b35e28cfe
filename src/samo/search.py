"""The search for the learning rate and rho on validation data: the same grids and the same order for every method."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Trial:
    """One try.

    Attributes:
        lr: learning rate.
        rho: radius of the perturbation; None where the method has none.
        score: on the validation split, higher is better; minus infinity where training diverged.
    """

    lr: float
    rho: float | None
    score: float


def count(lrs: Sequence[float], rhos: Sequence[float | None]) -> int:
    """How many trials `search` makes."""
    return len(rhos) + len(lrs) - 1 if len(rhos) * len(lrs) > 1 else 0


def search(
    score: Callable[[float, float | None], float], lrs: Sequence[float], rhos: Sequence[float | None]
) -> tuple[list[Trial], Trial]:
    """Choose rho at the middle learning rate, then the learning rate at that rho.

    One coordinate after the other costs len(rhos) + len(lrs) - 1 trials instead of their product. Of equal scores
    the earlier value of the grid wins. With nothing to choose nothing is tried.

    Args:
        score: (lr, rho) -> score of a short training on the validation split.
        lrs: the grid of learning rates, ascending.
        rhos: the grid of radii, ascending; (None,) for a method without perturbation.

    Returns:
        All trials in the order made, and the one chosen.
    """
    if count(lrs, rhos) == 0:
        return [], Trial(lrs[0], rhos[0], math.nan)
    middle = lrs[len(lrs) // 2]
    first = [_try(score, middle, rho) for rho in rhos]
    best = max(first, key=lambda trial: trial.score)
    second = [best if lr == middle else _try(score, lr, best.rho) for lr in lrs]
    trials = first + [trial for trial in second if trial is not best]
    return trials, max(second, key=lambda trial: trial.score)


def _try(score: Callable[[float, float | None], float], lr: float, rho: float | None) -> Trial:
    value = score(lr, rho)
    return Trial(lr, rho, value if math.isfinite(value) else -math.inf)
