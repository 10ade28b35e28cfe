"""From seeds to a mean and an honest interval.

With three seeds a percentile bootstrap has only ten distinct resamples and covers the mean far less often
than it says (about 75 % for a nominal 95 %). Student's t pays for the unknown spread with wide tails
(4.3 standard errors at three seeds) and keeps its promise when the seeds' noise is roughly normal.
Nothing here is random.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import t as student

from samo.metrics import Floats, delta_m, has_relative_change

LEVEL = 0.95


class Interval(NamedTuple):
    """A mean over `n` seeds with its two-sided confidence limits (NaN when n is 1)."""

    mean: float
    low: float
    high: float
    n: int

    @property
    def sign(self) -> int:
        """-1 or 1 when the interval lies wholly below or above zero, else 0 (also when it is unknown)."""
        return int(self.high < 0) * -1 + int(self.low > 0)


def half_width(spread: ArrayLike, n: ArrayLike, level: float = LEVEL) -> Floats:
    """Half the width of Student's interval for a mean; `spread` is the sample deviation (n - 1), any shape.

    NaN where n < 2: one run says nothing about its own noise.
    """
    count = np.asarray(n, dtype=float)
    freedom = np.where(count > 1, count - 1, np.nan)
    return np.asarray(student.ppf((1 + level) / 2, freedom) * np.asarray(spread, dtype=float) / np.sqrt(count))


def mean_interval(values: ArrayLike, level: float = LEVEL) -> Interval:
    """Mean and interval of `values` [n], one a seed. A NaN (a run that diverged) makes all of it NaN."""
    sample = np.asarray(values, dtype=float)
    if sample.size == 0:
        return Interval(np.nan, np.nan, np.nan, 0)
    spread = sample.std(ddof=1) if sample.size > 1 else np.nan
    width = float(half_width(spread, sample.size, level))
    mean = float(sample.mean())
    return Interval(mean, mean - width, mean + width, sample.size)


def paired_interval(first: Mapping[str, float], second: Mapping[str, float], level: float = LEVEL) -> Interval:
    """Interval of first minus second over the seeds that both have.

    Two methods that start from the same seed share their first weights and their batches, so what that seed
    does to both cancels in the difference.
    """
    common = [seed for seed in first if seed in second]
    return mean_interval([first[seed] - second[seed] for seed in common], level)


def delta_m_interval(
    values: ArrayLike, base: ArrayLike, higher_is_better: Sequence[bool], level: float = LEVEL
) -> Interval:
    """Delta-m of a method against the mean STL run, with the noise of *both* in the interval.

    `values` [n, S] and `base` [b, S] hold the metrics per seed. Each seed of the method is compared with the
    mean of the STL seeds. That mean is itself uncertain: to first order, an STL seed moves Delta-m by the
    relative change of its metrics times value/base. The two variances of the mean add, and the degrees of
    freedom are Welch's. The two are not paired: STL trains other networks, so a seed means another thing.
    Metrics that `delta_m` leaves out have no part in it.
    """
    ours, theirs = np.asarray(values, dtype=float), np.asarray(base, dtype=float)
    centre = theirs.mean(axis=0)
    per_seed = delta_m(ours, centre, higher_is_better)
    mean, n, b = float(per_seed.mean()), len(ours), len(theirs)
    if n < 2 or b < 2:
        return Interval(mean, np.nan, np.nan, n)
    kept = has_relative_change(centre)
    if not kept.any():
        return Interval(mean, np.nan, np.nan, n)
    ours, theirs, centre = ours[:, kept], theirs[:, kept], centre[kept]
    sign = np.where(np.asarray(higher_is_better)[kept], -1.0, 1.0)
    weight = -sign * ours.mean(axis=0) / centre / np.abs(centre)
    shift = 100.0 * ((theirs - centre) * weight).mean(axis=1)
    own, other = float(per_seed.var(ddof=1)) / n, float(shift.var(ddof=1)) / b
    if own + other == 0:
        return Interval(mean, mean, mean, n)
    freedom = (own + other) ** 2 / (own**2 / (n - 1) + other**2 / (b - 1))
    width = float(student.ppf((1 + level) / 2, freedom) * np.sqrt(own + other))
    return Interval(mean, mean - width, mean + width, n)


def summarise(frame: pd.DataFrame, by: Sequence[str], level: float = LEVEL) -> pd.DataFrame:
    """One row a group of `by` with mean, low, high and n over the rows' `value` (a row a seed).

    Groups keep the order in which they first appear. A NaN in a group makes its mean NaN.
    """
    groups = frame.groupby(list(by), sort=False)["value"]
    out = groups.agg(mean=lambda v: v.mean(skipna=False), spread=lambda v: v.std(ddof=1), n="size").reset_index()
    width = half_width(out["spread"], out["n"], level)
    out["low"], out["high"] = out["mean"] - width, out["mean"] + width
    return out[[*by, "mean", "low", "high", "n"]]
