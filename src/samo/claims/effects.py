"""What a comparison finds: an effect that knows its interval at any level of confidence."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

import numpy as np
from scipy.stats import t as student

from samo.results.stats import LEVEL, Interval, seeds_interval


class Effect(Protocol):
    """Anything with an interval."""

    @property
    def seeded(self) -> bool:
        """Whether its noise is that of seeds, so that it takes a number of them to decide anything."""

    def interval(self, level: float) -> Interval:
        """The effect with its limits; `n` is the number of seeds."""


@dataclass(frozen=True)
class Seeds:
    """One value a seed, most often the difference of two methods that share the seed.

    With `ratio` the values are quotients above 0: their logarithms are averaged, so that twice and half are as far
    from 1, and the mean and its limits are turned back. A quotient that is not above 0 makes the interval NaN.
    """

    by_seed: tuple[float, ...]
    ratio: bool = False
    seeded = True

    def interval(self, level: float) -> Interval:
        """See `samo.results.stats.seeds_interval`. Seeds that agree in a value but 0 leave their noise unknown."""
        sample = np.array(self.by_seed, dtype=float)
        if self.ratio:
            sample = np.log(np.where(sample > 0, sample, np.nan))
        found = seeds_interval(sample, level)
        if found.mean and found.high - found.low <= 1e-9 * abs(found.mean):
            found = found._replace(low=math.nan, high=math.nan)
        if not self.ratio:
            return found
        return Interval(math.exp(found.mean), math.exp(found.low), math.exp(found.high), found.n)


@dataclass(frozen=True)
class Rounds:
    """A quotient of times from rounds of measurement: its median and the quartiles over the rounds.

    The quartiles of 15 rounds hold the median of all rounds with 96.5 % (they are the 4th and the 12th value), those
    of more rounds still oftener. At other levels the interval is stretched on the logarithmic scale as a normal one
    would be.
    """

    median: float
    low: float
    high: float
    seeded = False

    def interval(self, level: float) -> Interval:
        """The quartiles, stretched by the normal quantiles of the two levels."""
        stretch = _quantile(level) / _quantile(LEVEL)
        low, high = (self.median * (limit / self.median) ** stretch for limit in (self.low, self.high))
        return Interval(self.median, low, high, 0)

    def __truediv__(self, other: "Rounds") -> "Rounds":
        """How many times the other this is, with the limits at their worst: rounds are not paired here."""
        return Rounds(self.median / other.median, self.low / other.high, self.high / other.low)


@dataclass(frozen=True)
class Repeats:
    """A mean over `n` repeats of one measurement, with its 95 % interval (Student's)."""

    mean: float
    low: float
    high: float
    n: int
    seeded = False

    def interval(self, level: float) -> Interval:
        """The interval, stretched from 95 % to another level."""
        if self.n < 2:
            return Interval(self.mean, math.nan, math.nan, 0)
        stretch = float(student.ppf((1 + level) / 2, self.n - 1) / student.ppf((1 + LEVEL) / 2, self.n - 1))
        low, high = (self.mean + (limit - self.mean) * stretch for limit in (self.low, self.high))
        return Interval(self.mean, low, high, 0)


@dataclass(frozen=True)
class Exact:
    """A value without noise: of a walk that nothing random enters."""

    value: float
    seeded = False

    def interval(self, level: float) -> Interval:
        """The value itself."""
        return Interval(self.value, self.value, self.value, 0)


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's correlation over `n` methods; it is over methods that the sentence speaks, so they are the sample.

    Source of the interval: Fisher's z with Bonett and Wright's variance (2000), (1 + r^2 / 2) / (n - 3).
    """

    r: float
    n: int
    seeded = False

    def interval(self, level: float) -> Interval:
        """Limits in [-1, 1]."""
        if self.n < 4 or math.isnan(self.r):
            return Interval(self.r, math.nan, math.nan, 0)
        # A perfect order is not certainty: it is taken for one exchange of neighbours short of it.
        z = math.atanh(math.copysign(min(abs(self.r), 1 - 12 / (self.n**3 - self.n)), self.r))
        width = _quantile(level) * math.sqrt((1 + self.r**2 / 2) / (self.n - 3))
        return Interval(self.r, math.tanh(z - width), math.tanh(z + width), 0)


@dataclass(frozen=True)
class Largest:
    """The largest of several effects: for sentences that say "somewhere" or "one of".

    Its interval runs from the largest lower to the largest upper limit of intervals that hold all at once
    (Bonferroni), so that looking in many places is paid for.
    """

    effects: Mapping[str, Effect]

    @property
    def seeded(self) -> bool:
        """Whether any of them is."""
        return any(effect.seeded for effect in self.effects.values())

    @property
    def where(self) -> str:
        """The name of the largest."""
        return max(self.effects, key=lambda name: self.effects[name].interval(LEVEL).mean)

    def interval(self, level: float) -> Interval:
        """NaN if one is; `n` is the least number of seeds."""
        found = [effect.interval(1 - (1 - level) / len(self.effects)) for effect in self.effects.values()]
        mean, low, high = (_largest([getattr(i, name) for i in found]) for name in ("mean", "low", "high"))
        return Interval(mean, low, high, min(i.n for i in found))


def _largest(values: Sequence[float]) -> float:
    return math.nan if any(map(math.isnan, values)) else max(values)


def _quantile(level: float) -> float:
    return NormalDist().inv_cdf((1 + level) / 2)
