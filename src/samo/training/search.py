"""The search on validation data: the same number of trials, from one fixed list, for every method."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from statistics import fmean
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field

from samo.training.settings import Settings, Updates

NAMES = ("lr", "rho", "alpha")
"""What may be searched; each takes its own coordinate of the list."""


def each_once(values: list[Any]) -> list[Any]:
    if len(set(values)) != len(values):
        raise ValueError("must hold each value once")
    return values


def _both_ends(given: Any) -> Any:
    return [given, given] if isinstance(given, int | float) else given


def _from_to(values: list[float]) -> list[float]:
    if values[0] > values[1]:
        raise ValueError("must go from the lowest to the highest")
    return values


Seeds = Annotated[list[Annotated[int, Field(ge=0, lt=2**31)]], Field(min_length=1), AfterValidator(each_once)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
TWO = Field(min_length=2, max_length=2)
Range = Annotated[list[Positive], BeforeValidator(_both_ends), TWO, AfterValidator(_from_to)]
"""A value for all, or the lowest and the highest, between which trials are spread log-uniformly."""


class Search(Settings):
    """How every method chooses.

    Attributes:
        updates: budgets at which trials are made, each a search of its own; a final run goes by the longest that is not
            longer than itself.
        trials: of every method.
        seeds: of each trial, whose score is the mean over them; final runs use none of these.
        lr: learning rates.
        rho: radii, for the methods that have one.
        alpha: shares of the global part, spread uniformly, for the methods that have two parts; null leaves it.
        extend: further trials, once, beyond a choice at the lowest or highest value tried.
    """

    updates: Updates
    trials: Annotated[int, Field(ge=2)]
    seeds: Seeds
    lr: Range
    rho: Range
    alpha: Annotated[list[Share], TWO, AfterValidator(_from_to)] | None = None
    extend: Annotated[int, Field(ge=0)] = 0


Ranges = Mapping[str, tuple[float, float]]
"""Name of what is searched -> its lowest and highest value."""


@dataclass(frozen=True)
class Trial:
    """One try.

    Attributes:
        lr: learning rate.
        rho: radius of the perturbation; None where the method has none.
        alpha: share of the global part; None where it was not searched.
        scores: seed -> score on the validation split, higher is better.
        score: their mean; minus infinity where a training diverged.
    """

    lr: float
    rho: float | None = None
    alpha: float | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    score: float = math.nan

    @property
    def choice(self) -> dict[str, float | None]:
        """What was chosen, as it is stored: lr and rho, and alpha where it was searched."""
        return {"lr": self.lr, "rho": self.rho} | ({} if self.alpha is None else {"alpha": self.alpha})

    def fields(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a preset that a block gives, with those chosen."""
        return dict(given) | {name: x for name, x in self.choice.items() if name != "lr" and x is not None}


class Searched(NamedTuple):
    """The trials in the order made, the one chosen, and what was searched beyond the range of the first trials."""

    trials: list[Trial]
    chosen: Trial
    extended: list[str]

    def stored(self) -> dict[str, Any]:
        trials = [t.choice | {"scores": dict(t.scores), "score": t.score} for t in self.trials]
        return {"trials": trials, "chosen": self.chosen.choice, "extended": self.extended}


def taken_from(searched: Iterable[int], updates: int) -> int:
    """The budget whose choice a run of so many updates takes: the longest not longer than it, else the shortest."""
    budgets = sorted(searched)
    return max((n for n in budgets if n <= updates), default=budgets[0])


def most(ranges: Ranges, plan: Search) -> int:
    """How many trials `search` makes at most."""
    return plan.trials + plan.extend if ranges else 0


def points(ranges: Ranges, trials: int) -> list[dict[str, float]]:
    """The trials before any is extended: the first points of Sobol's sequence, the same for every method.

    A method takes the coordinates of what it searches. lr and rho lie log-uniformly in their range, alpha uniformly.
    """
    from scipy.stats import qmc  # takes a second to import, and only a search needs it

    sequence = qmc.Sobol(d=len(NAMES), scramble=False)
    sequence.fast_forward(1)  # its first point is the corner
    made = []
    for row in sequence.random(trials).tolist():
        at = {name: row[NAMES.index(name)] for name in ranges}
        made.append({name: _moved(name, ranges[name][0], x, ranges[name]) for name, x in at.items()})
    return made


def search(
    score: Callable[[Trial], Mapping[str, float]], given: Mapping[str, float], ranges: Ranges, plan: Search
) -> Searched:
    """Make the trials; where the best lies at an edge of what was tried, make some more beyond it.

    Args:
        score: a trial without a score -> seed -> the score of a short training on the validation split.
        given: the values of what is not searched.
        ranges: what is searched; with nothing to choose, nothing is tried.
        plan: how many.
    """
    tried: list[Trial] = []
    if not ranges:
        return Searched(tried, _at(given), [])

    def make(point: Mapping[str, float]) -> None:
        trial = _at({**given, **point})
        scores = dict(score(trial))
        mean = fmean(scores.values())
        tried.append(replace(trial, scores=scores, score=mean if math.isfinite(mean) else -math.inf))

    for point in points(ranges, plan.trials):
        make(point)
    best = asdict(_best(tried))
    signs: dict[str, int] = {}
    for name in ranges if plan.extend else ():
        values = [asdict(trial)[name] for trial in tried]
        signs |= {name: 1 if best[name] == max(values) else -1} if best[name] in (min(values), max(values)) else {}
    for n in range(1, plan.extend + 1) if signs else ():
        beyond = {name: _moved(name, best[name], sign * n / plan.trials, ranges[name]) for name, sign in signs.items()}
        make({name: best[name] for name in ranges} | beyond)
    return Searched(tried, _best(tried), list(signs))


def _at(point: Mapping[str, Any]) -> Trial:
    return Trial(**point)


def _best(tried: Iterable[Trial]) -> Trial:
    """The best trial; of equals, the first."""
    return max(tried, key=lambda trial: trial.score)


def _moved(name: str, start: float, share: float, limits: tuple[float, float]) -> float:
    """A value that lies by a share of the range above another, as short as files can hold it."""
    low, high = limits
    value = min(1.0, max(0.0, start + share * (high - low))) if name == "alpha" else start * (high / low) ** share
    return round(float(f"{value:.3g}"), 6) or value
