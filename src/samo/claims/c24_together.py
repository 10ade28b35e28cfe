"""24. Curvature, conflict and test error move together over the flat variants.

The papers tell one story: flatter, so less conflict, so lower error. Over all methods with a sharpness at a dose that
shows (one of the three measures differs from the base's beyond the seeds' noise), each against its own aggregator
without, at the same learning rate where one is given: lambda_max falls (its logarithm), the cosine between task
gradients rises, Delta-m falls; means over the seeds that both have. Methods of one base with one radius (those that
perturb along past directions apart) lie nearly on one point, as SAMO and its placebo do: their mean counts as one
variant. Variants are nested in their base: each base's mean is taken out, and a variant less a base counts. Tested:
Spearman's correlation of each pair of the three, so oriented that the story says positive, pooled over datasets; over
variants, since the sentence is about them, at least six. Supported: above 0, all three. Equivalent: within 0.1, a
hundredth of the variance. Contradicted: below 0 for one.
"""

from collections.abc import Iterator, Mapping
from itertools import combinations

import pandas as pd
from scipy.stats import spearmanr

from samo.claims.contrast import Comparison, Region, difference
from samo.claims.effects import of_ranks
from samo.claims.evidence import COSINE, DELTA_M, LAMBDA_MAX, Evidence, Measure, rows
from samo.optim.sharpness import preset
from samo.results.method import MethodSpec

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
    tables = {d: pd.DataFrame(_rows(evidence, d), columns=["base", "dose", *STORY]) for d in evidence.datasets}
    return [_comparison(tables[d], d, *pair) for pair in combinations(STORY, 2) for d in evidence.datasets]


def _rows(evidence: Evidence, dataset: str) -> Iterator[tuple[object, ...]]:
    """Base, dose and the three changes against the base, a row per method that shows; NaN: not measured."""
    known = evidence.methods[dataset]
    for method in known:
        base = method.base(known)
        if base and method.networks == "shared":
            found = [(difference(evidence, dataset, method.name, base.name, measure=m), s) for m, s in STORY.values()]
            if any(effect and effect.differs for effect, _ in found):
                changes = (sign * effect.value if effect else float("nan") for effect, sign in found)
                yield base.name, _dose(evidence, dataset, method), *changes


def _dose(evidence: Evidence, dataset: str, method: MethodSpec) -> object:
    """What methods of one base have alike if they move the weights equally far; the name of one without a radius."""
    rho = rows(evidence.last.runs, dataset, method.name)["rho"].iloc[0]
    return method.name if pd.isna(rho) else (rho, preset(method.sharpness, **method.fields).from_history)


def _comparison(changes: pd.DataFrame, dataset: str, first: str, second: str) -> Comparison:
    measured = changes.dropna(subset=[first, second])
    both = measured.groupby(["base", "dose"], sort=False)[[first, second]].mean().groupby("base").filter(_several)
    bases, case = both.index.unique("base"), f"{first}, {second}"
    methods, n = measured["base"].isin(bases).sum(), len(both) - len(bases) + 1
    note = f"{len(both)} variants ({methods} methods) of {len(bases)} base{'s' * (len(bases) != 1)}"
    if n < LEAST:
        few = f"{note} at doses that show, at least {LEAST} beyond" if len(measured) else ""
        lack = "methods with a sharpness, both measured"
        return Comparison(dataset, case=case, missing=lack, untestable=few)
    own = both - both.groupby("base").transform("mean")
    r = float(spearmanr(own[first], own[second]).statistic)
    return Comparison(dataset, of_ranks(r, n), TOGETHER, "Spearman's r", case=case, note=note)


def _several(variants: pd.DataFrame) -> bool:
    """Whether a base has more than one: of a single one nothing is left without the base's mean."""
    return len(variants) > 1
