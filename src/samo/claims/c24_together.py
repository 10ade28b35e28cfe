"""24. Curvature, conflict and test error move together over the flat variants.

The papers tell one story: flatter, so less conflict, so lower error. Over all methods with a sharpness at a dose that
shows (one of the three measures differs from the base's beyond the seeds' noise), each against its own aggregator
without, at the same learning rate where one is given: lambda_max falls (its logarithm), the cosine between task
gradients rises, Delta-m falls; means over the seeds that both have. Methods are nested in their base: each base's mean
is taken out, and a method less a base counts. Tested: Spearman's correlation of each pair of the three, so oriented
that the story says positive, pooled over datasets; over methods, since the sentence is about methods, at least six of
them. Supported: above 0, all three. Equivalent: within 0.1, a hundredth of the variance. Contradicted: below 0 for one.
"""

from collections.abc import Iterator, Mapping
from itertools import combinations

import pandas as pd
from scipy.stats import spearmanr

from samo.claims.contrast import Comparison, Region, difference
from samo.claims.effects import of_ranks
from samo.claims.evidence import COSINE, DELTA_M, LAMBDA_MAX, Evidence, Measure

SOURCE = "ours; the story of SAMO and F-MTL"
LEAST = 6
TOGETHER = Region(low=0.0, alike=(-0.1, 0.1))
STORY: Mapping[str, tuple[Measure, int]] = {
    "flatter": (LAMBDA_MAX, -1),
    "less conflict": (COSINE, 1),
    "less error": (DELTA_M, -1),
}
"""Measures with their sign in the story."""


def comparisons(evidence: Evidence) -> list[Comparison]:
    tables = {d: pd.DataFrame(_rows(evidence, d), columns=["base", *STORY]) for d in evidence.datasets}
    return [_comparison(tables[d], d, *pair) for pair in combinations(STORY, 2) for d in evidence.datasets]


def _rows(evidence: Evidence, dataset: str) -> Iterator[tuple[object, ...]]:
    """The base and the three changes against it, a row per method at a dose that shows; NaN: not measured."""
    known = evidence.methods[dataset]
    for method in known:
        base = method.base(known)
        if base and method.networks == "shared":
            found = [(difference(evidence, dataset, method.name, base.name, measure=m), s) for m, s in STORY.values()]
            if any(effect and effect.differs for effect, _ in found):
                yield base.name, *(sign * effect.value if effect else float("nan") for effect, sign in found)


def _comparison(changes: pd.DataFrame, dataset: str, first: str, second: str) -> Comparison:
    both = changes.dropna(subset=[first, second])
    case, places = f"{first}, {second}", both["base"].nunique()
    note, n = f"{len(both)} methods on {places} bases", len(both) - places + 1
    if n < LEAST:
        few = f"{note} at doses that show, at least {LEAST} beyond" if len(both) else ""
        lack = "methods with a sharpness, both measured"
        return Comparison(dataset, case=case, missing=lack, untestable=few)
    own = both[[first, second]] - both.groupby("base")[[first, second]].transform("mean")
    r = float(spearmanr(own[first], own[second]).statistic)
    return Comparison(dataset, of_ranks(r, n), TOGETHER, "Spearman's r", case=case, note=note)
