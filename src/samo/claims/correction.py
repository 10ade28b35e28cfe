"""Corrections for the number of comparisons that fit their dependence; see `samo.claims.rule`."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import dunnett


def holm(p: Sequence[float], level: float) -> list[bool]:
    """Which p values stay significant by Holm's procedure, whatever their dependence; NaN never does."""
    # Not statsmodels' `multipletests`, which collects garbage at every call, a quarter of a second.
    known = sorted((x, k) for k, x in enumerate(p) if not math.isnan(x))
    held = [False] * len(p)
    for rank, (x, k) in enumerate(known):
        if x > level / (len(known) - rank):
            break
        held[k] = True
    return held


def shared_control(gaps: Sequence[Mapping[int, float]]) -> tuple[list[float], list[float]] | None:
    """One-sided p values of several comparisons with one method, "above 0" and "below 0"; None where they say nothing.

    `gaps` are each comparison's {seed: difference to the shared method}. Seeds are blocks: each seed's mean over the
    methods is taken out, and the rest scaled up by the spread that this removed. Source: Dunnett (1955).
    """
    seeds = sorted(set.intersection(*(set(gap) for gap in gaps)))
    values = np.array([*([gap[seed] for seed in seeds] for gap in gaps), [0.0] * len(seeds)])
    means = values.mean(axis=1, keepdims=True) if len(seeds) >= 3 else values
    rest = (values - values.mean(axis=0)) - (means - values.mean())
    if len(seeds) < 3 or not rest.any():
        return None
    *methods, control = means + rest * math.sqrt(len(values) / (len(values) - 1))
    above, below = (dunnett(*methods, control=control, alternative=a, rng=0).pvalue for a in ("greater", "less"))
    return above.tolist(), below.tolist()
