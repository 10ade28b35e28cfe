"""24. Ours: curvature, conflict and test error move together over all flat variants.

The papers tell one story: flatter, so less conflict, so lower error. Over all methods with a sharpness, each against
its own aggregator without: lambda_max falls (its logarithm), the cosine between task gradients rises, Delta-m falls;
the means over the seeds that both have. Test: Spearman's correlation over the methods of each pair of the three, so
oriented that the story says positive. True: above 0, all three pairs. False: below 0 for one. At least six methods;
the interval is over methods, since it is of methods that the sentence speaks. Variants of one aggregator are taken
for independent, which they are not wholly.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from samo.claims.cells import find
from samo.claims.contrast import PLAIN, difference
from samo.claims.effects import RankCorrelation
from samo.claims.evidence import Evidence
from samo.claims.measures import COSINE, DELTA_M, Measure, curvature
from samo.claims.rule import Comparison

CLAIM = "Curvature, conflict and test error move together over the flat variants"
SOURCE = "ours; the story of SAMO and F-MTL"
LEAST = 6
MEASURES: Mapping[str, tuple[Measure, bool, int]] = {
    "flatter": (curvature("lambda_max"), True, -1),
    "less conflict": (COSINE, False, 1),
    "less error": (DELTA_M, False, -1),
}
"""Each with whether it is compared by quotients, and its sign in the story."""


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    return [
        _comparison(table(evidence, dataset), dataset, first, second)
        for dataset in evidence.datasets
        for first, second in combinations(MEASURES, 2)
    ]


def table(evidence: Evidence, dataset: str) -> pd.DataFrame:
    """The three changes against the base, a row a method; NaN where one was not measured."""
    known = evidence.cells[dataset]
    rows = {}
    for cell in known:
        base = find(known, PLAIN, cell.base)
        if base and cell.kind.networks == "shared" and cell.kind.sharpness != "none":
            rows[cell.method] = {
                name: sign * _change(evidence, dataset, cell.method, base, measure, ratio)
                for name, (measure, ratio, sign) in MEASURES.items()
            }
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(MEASURES))


def _change(evidence: Evidence, dataset: str, method: str, base: str, measure: Measure, ratio: bool) -> float:
    found = difference(evidence, dataset, method, base, measure=measure, ratio=ratio)
    return float(np.mean(np.log(found.by_seed) if ratio else found.by_seed)) if found else float("nan")


def _comparison(changes: pd.DataFrame, dataset: str, first: str, second: str) -> Comparison:
    both = changes[[first, second]].dropna()
    case = f"{first}, {second}"
    if len(both) < LEAST:
        return Comparison(dataset, None, case=case, missing=f"both measured on {LEAST} methods with a sharpness")
    r = float(spearmanr(both[first], both[second]).statistic)
    return Comparison(
        dataset, RankCorrelation(r, len(both)), unit="Spearman's r", case=case, note=f"{len(both)} methods"
    )
