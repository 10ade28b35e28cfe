"""What a comparison finds: an effect that knows its interval at any level, and effects pooled over places.

A *place* is one dataset with one aggregator. Effects are held on a working scale, on which their noise is symmetric:
as they are, as logarithms of ratios, or as Fisher's z of correlations; `interval` turns them back.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit
from statsmodels.stats.meta_analysis import combine_effects

from samo.results.stats import LEVEL, Interval

NORMAL = 1e10
"""Degrees of freedom that are as good as infinitely many."""
LOUD = 5.0
UNKNOWN = (math.nan, 1.0)
"""The error of an effect whose noise cannot be told."""


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf


class Scale(Enum):
    """The working scale of an effect, with the functions that lead to it and back."""

    LINEAR = (float, float)
    LOG = (_log, math.exp)
    FISHER = (math.atanh, math.tanh)

    def __init__(self, to: Callable[[float], float], back: Callable[[float], float]) -> None:
        self.to, self.back = to, back


@dataclass(frozen=True)
class Effect:
    """An effect with its noise, on the working scale.

    `errors` are standard error and degrees of freedom of each source of noise that is minded; the interval is the
    widest that one of them gives. All errors 0: a value without noise.
    """

    value: float
    errors: tuple[tuple[float, float], ...]
    scale: Scale = Scale.LINEAR
    by_seed: Mapping[int, float] | None = None  # where the noise is that of seeds
    n: int = 0  # number of seeds; 0 where the noise is not of seeds
    weights: tuple[float, ...] = (1.0,)  # of the effects that it is pooled of

    @property
    def exact(self) -> bool:
        """Whether there is no noise at all."""
        return all(error == 0 for error, _ in self.errors)

    @property
    def positive(self) -> bool:
        """Whether its 95 % interval lies above 0."""
        return self.above(0.0) < (1 - LEVEL) / 2

    @property
    def differs(self) -> bool:
        """Whether its 95 % interval leaves out no effect: 0, or 1 of a ratio."""
        none = self.scale.back(0.0)
        return min(self.above(none), self.below(none)) < (1 - LEVEL) / 2

    def interval(self, level: float = LEVEL) -> Interval:
        """The effect with its two-sided limits, in the unit that people read; `n` is the number of seeds."""
        half = np.max([quantile((1 + level) / 2, freedom) * error if error else 0.0 for error, freedom in self.errors])
        mean, low, high = (self.scale.back(x) for x in (self.value, self.value - half, self.value + half))
        return Interval(mean, low, high, self.n)

    def below(self, limit: float) -> float:
        """One-sided p value of the hypothesis that the effect is `limit` (as people read it) or more."""
        return self._tail(self.scale.to(limit) - self.value)

    def above(self, limit: float) -> float:
        """One-sided p value of the hypothesis that the effect is `limit` or less."""
        return self._tail(self.value - self.scale.to(limit))

    def _tail(self, gap: float) -> float:
        """The chance of a gap this large if there were none."""
        if math.isnan(gap):
            return math.nan
        # Not scipy.stats: its distributions take a hundred times as long, which matters in made worlds.
        tails = [stdtr(min(freedom, NORMAL), -gap / error) if error else gap <= 0 for error, freedom in self.errors]
        return float(np.max(tails))


def of_seeds(values: pd.Series | Sequence[float] | np.ndarray, ratio: bool = False) -> Effect:
    """The mean of one value per seed, most often the paired difference of two methods; Student's t.

    With `ratio` the values are quotients above 0, whose logarithms are averaged; one that is not makes all NaN. A NaN
    (a run that diverged) makes the whole effect NaN. Seeds that agree in a value other than 0 leave their noise
    unknown: the last digit of a rounded number is no evidence of a spread of nothing.
    """
    named = pd.Series(values)
    x = named.to_numpy(float)
    if ratio:
        x = np.log(np.where(x > 0, x, np.nan))
    n, mean = len(x), float(x.mean()) if len(x) else math.nan
    error = float(x.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    if mean and error <= 1e-12 * abs(mean):
        error = math.nan
    by_seed = dict(zip(named.index.tolist(), x.tolist(), strict=True))
    return Effect(mean, ((error, max(1.0, n - 1)),), Scale.LOG if ratio else Scale.LINEAR, by_seed, n)


def of_rounds(first: tuple[float, float, float], second: tuple[float, float, float]) -> Effect:
    """A quotient of two times, each the median and the quartiles over rounds of measurement.

    The quartiles of 15 rounds hold the median of all rounds with 96.5 % (they are the 4th and the 12th value), those
    of more rounds still oftener: they are taken for a 95 % interval on the logarithmic scale.
    """
    normal = quantile((1 + LEVEL) / 2, math.inf)
    errors = [math.log(high / low) / 2 / normal for _, low, high in (first, second)]
    return Effect(math.log(first[0] / second[0]), ((math.hypot(*errors), math.inf),), Scale.LOG)


def of_repeats(mean: float, low: float, high: float, n: int) -> Effect:
    """A mean over `n` repeats of one measurement, with its 95 % interval (Student's)."""
    error = (high - low) / 2 / quantile((1 + LEVEL) / 2, n - 1) if n > 1 else math.nan
    return Effect(mean, ((error, max(1.0, n - 1)),))


def of_ranks(r: float, n: int) -> Effect:
    """Spearman's correlation over `n` methods; it is over methods that such a sentence speaks, so they are the sample.

    Source: Fisher's z with Bonett and Wright's variance (2000), (1 + r^2 / 2) / (n - 3). A perfect order is taken for
    one exchange of neighbours short of it.
    """
    if n < 4 or math.isnan(r):
        return Effect(r, (UNKNOWN,), Scale.FISHER)
    z = math.atanh(math.copysign(min(abs(r), 1 - 12 / (n**3 - n)), r))
    return Effect(z, ((math.sqrt((1 + r**2 / 2) / (n - 3)), math.inf),), Scale.FISHER)


def exactly(value: float) -> Effect:
    """A value without noise: of a trajectory that nothing random enters."""
    return Effect(value, ((0.0, math.inf),))


def minus(first: Effect, second: Effect) -> Effect:
    """The difference of two that were measured apart."""
    (a, freedom), (b, other) = first.errors[0], second.errors[0]
    return Effect(first.value - second.value, (((a**2 + b**2) ** 0.5, min(freedom, other)),))


def pooled(effects: Sequence[tuple[str, Effect]]) -> Effect:
    """The mean effect over places, by a random-effects model: [(dataset, effect of one of its places)].

    Places are a sample of those that a sentence speaks of: effect_i ~ N(mean, tau^2 + variance_i). tau^2 by Paule and
    Mandel, weights 1 / (tau^2 + variance_i), the mean's error by Hartung, Knapp, Sidik and Jonkman with k - 1 degrees
    of freedom, all by `statsmodels`. That takes the places' noise for independent. Within a dataset it is not: places
    share seeds (first weights, batches), the single-task runs behind Delta-m and, where one method is compared several
    times, a base. So a second error is minded, that of the weighted mean of each seed's values within a dataset, which
    contains whatever correlation the seeds bring (datasets are taken for apart, though all and few Multi-MNIST
    composites share those for testing); its degrees of freedom are Welch and Satterthwaite's. The interval is the wider
    of both, and of one place there is only the latter.

    variance_i is the median over a dataset's places: one of 5 or 10 seeds is itself too noisy to weigh by. A place
    whose seeds give an error more than `LOUD` times the median place's is left out (weight 0): it would say nothing of
    the mean and, by chance, much of tau^2.
    """
    if len(effects) == 1:
        return effects[0][1]
    names, found = np.array([dataset for dataset, _ in effects]), [effect for _, effect in effects]
    scale, n = found[0].scale, min((effect.n for effect in found if effect.by_seed is not None), default=0)
    means, own = np.array([(effect.value, effect.errors[0][0] ** 2) for effect in found]).T
    if not (np.isfinite(means).all() and np.isfinite(own).all()):
        return Effect(math.nan, (UNKNOWN,), scale, n=n, weights=(1.0,) * len(found))
    own = np.maximum(own, min(own[own > 0], default=1e-24))
    kept = own <= (LOUD**2 * np.median(own) if n else np.inf)
    if kept.sum() == 1:
        return replace(found[int(kept.argmax())], weights=tuple(map(float, kept)))
    variances = [np.median(own[kept & (names == name)]) for name in names[kept]]
    with np.errstate(divide="ignore"):  # of a statistic that is not used, where all places agree
        model = combine_effects(means[kept], np.array(variances), method_re="iterated")
    weights = np.zeros(len(found))
    weights[kept] = model.weights_rel_re
    between = (float(model.sd_eff_w_re_hksj), float(kept.sum() - 1))
    errors = (between, _within([e for e, w in zip(effects, kept, strict=True) if w], weights[kept]))
    return Effect(float(model.mean_effect_re), errors, scale, n=n, weights=tuple(map(float, weights)))


def _within(effects: Sequence[tuple[str, Effect]], weights: np.ndarray) -> tuple[float, float]:
    """Error and degrees of freedom of the weighted mean of the effects, from the noise within datasets alone."""
    parts: list[tuple[float, float]] = []
    for dataset in dict.fromkeys(name for name, _ in effects):
        here = [(w, e, e.by_seed or {}) for w, (name, e) in zip(weights, effects, strict=True) if name == dataset]
        seeds = set.intersection(*(set(values) for *_, values in here))
        if len(seeds) > 1:
            sums = [sum(w * values[seed] for w, _, values in here) for seed in seeds]
            parts.append((float(np.var(sums, ddof=1)) / len(seeds), len(seeds) - 1.0))
        else:
            parts += [((w * e.errors[0][0]) ** 2, e.errors[0][1]) for w, e, _ in here]
    total = sum(variance for variance, _ in parts)
    spread = sum(variance**2 / freedom for variance, freedom in parts)
    return math.sqrt(total), total**2 / spread if spread > 0 else math.inf


def quantile(level: float, freedom: float) -> float:
    """Student's, the normal one for infinitely many degrees of freedom."""
    return float(stdtrit(min(freedom, NORMAL), level))


def largest(effects: Mapping[str, Effect]) -> tuple[str, Effect]:
    """Where the largest of several effects is, with an interval that pays for having looked in all places (Bonferroni).

    Its 95 % interval is one of those that hold all at once: that with the largest lower limit if it lies above 0, else
    that with the largest upper limit.
    """
    wide = {}
    for name, effect in effects.items():
        (error, freedom), *_ = effect.errors
        stretch = quantile(1 - (1 - LEVEL) / 2 / len(effects), freedom) / quantile((1 + LEVEL) / 2, freedom)
        wide[name] = replace(effect, errors=((error * stretch, freedom),), by_seed=None)
    limits = pd.DataFrame({name: effect.interval() for name, effect in wide.items()}, index=Interval._fields).T
    if limits["low"].isna().any():
        return min(wide), Effect(math.nan, (UNKNOWN,), n=int(limits["n"].min()))
    where = str((limits["low"] if limits["low"].max() > 0 else limits["high"]).idxmax())
    return where, wide[where]
