"""Delta-m and mean rank, the two numbers by which multi-task papers compare methods."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]


def has_relative_change(base: ArrayLike) -> NDArray[np.bool_]:
    """Which metrics [S] Delta-m can be made of: those for which single-task training is not at 0."""
    return np.asarray(np.asarray(base, dtype=float) != 0)


def delta_m(values: ArrayLike, base: ArrayLike, higher_is_better: ArrayLike) -> Floats:
    """Mean relative loss against single-task training, in per cent: lower is better, negative beats it.

    `values` [..., S] are a method's S metrics, `base` [S] those of single-task training (STL),
    `higher_is_better` [S] booleans. The result has the leading shape of `values`. S runs over metrics,
    not tasks: a task with three metrics counts three times.

    Where the base is 0 (the F1 of an attribute that STL never finds) a relative change has no meaning, so that the
    metric is left out, for every method alike, and the mean is over the others. Whoever shows the result says which
    (`samo.results.tables.left_out`). NaN if none is left, or where a value that counts is missing (NaN).
    Source: Maninis et al. 2019, eq. 3, with the sign that CAGrad, FAMO and SAMO print.
    """
    reference, ours = np.asarray(base, dtype=float), np.asarray(values, dtype=float)
    kept = has_relative_change(reference)
    if not kept.any():
        return np.full(ours.shape[:-1], np.nan)
    sign = np.where(np.asarray(higher_is_better, dtype=bool), -1.0, 1.0)
    relative = (sign * (ours - reference))[..., kept] / np.abs(reference[kept])
    return np.asarray(100.0 * relative.mean(axis=-1), dtype=float)


def mean_rank(values: ArrayLike, higher_is_better: ArrayLike) -> Floats:
    """Rank every method on every metric (1 is best, equals share their mean rank), then average: [M].

    `values` [M, S] has a row per method, `higher_is_better` [S] booleans. The result depends on which
    methods stand in the table. A method with a missing value (NaN) takes no part and gets NaN.
    Source: the MR column of FAMO, Table 3; single-task training is left out there.
    """
    table = np.asarray(values, dtype=float)
    result = np.full(len(table), np.nan)
    whole = ~np.isnan(table).any(axis=1)
    if whole.any():
        oriented = np.where(np.asarray(higher_is_better, dtype=bool), -table[whole], table[whole])
        result[whole] = rankdata(oriented, axis=0).mean(axis=1)
    return result
