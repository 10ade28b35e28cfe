"""21. Ours: the estimate's sign carries information. After layer normalisation nothing else of it is left.

Tested: Delta-m of the placebo (the same perturbation with a coin for the sign, and no probe) minus that of SAMO on the
same aggregator, with equal learning rate, rho and alpha: what differs is the coin alone. Supported: above 0.
Equivalent: within half a point (`contrast.MARGIN`). Contradicted: below 0. Not testable where their settings differ, or
where the perturbation does not show: neither Delta-m nor lambda_max of SAMO or of the placebo differs from the base's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pandas as pd

from samo.claims.comparison import Comparison, Region
from samo.claims.contrast import GAIN, PLAIN, difference
from samo.claims.evidence import Evidence, Kind, find
from samo.claims.measures import DELTA_M, LAMBDA_MAX
from samo.optim.sharpness import preset
from samo.results.method import MethodSpec

CLAIM = "The estimate's sign carries information: SAMO beats its placebo"
QUOTE = ""
SOURCE = "ours, from SAMO's formulas"


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    return at_equal_settings(evidence, GAIN)


def at_equal_settings(evidence: Evidence, region: Region) -> list[Comparison]:
    """Delta-m of the placebo minus SAMO's, in each place where both were run."""
    return [c for dataset in evidence.datasets for c in _comparisons(evidence, dataset, region)]


def _comparisons(evidence: Evidence, dataset: str, region: Region) -> Iterator[Comparison]:
    known = evidence.methods.get(dataset, [])
    samo, placebo = ([m for m in known if Kind.of(m) == Kind(name)] for name in ("samo", "placebo"))
    both = [(a, b) for a in samo for b in placebo if a.aggregator_text == b.aggregator_text]
    if not both:
        yield Comparison(dataset, None, missing="samo and placebo on one aggregator")
    for base in dict.fromkeys(a.aggregator_text for a, _ in both):
        here = [
            (a, b, settings(evidence, dataset, a), settings(evidence, dataset, b))
            for a, b in both
            if a.aggregator_text == base
        ]
        equal = [(a, b, own) for a, b, own, other in here if own == other]
        if not equal:
            why = f"settings differ: {_words(here[0][2])} for {_words(here[0][3])}"
            yield Comparison(dataset, None, base=base, untestable=why)
        for a, b, own in equal:
            effect = difference(evidence, dataset, b.name, a.name)
            hidden = "" if _shows(evidence, dataset, a, b) else f"the perturbation does not show at {_words(own)}"
            head = Comparison(dataset, None if hidden else effect, region, "Δm points", base, untestable=hidden)
            yield replace(head, figure=f"{dataset}-forest", missing="runs on the same seeds", note=_words(own))


def settings(evidence: Evidence, dataset: str, method: MethodSpec) -> tuple[float, float, float]:
    """(learning rate, rho, alpha): as chosen, else as given, else the preset's."""
    runs = evidence.last.runs
    row = runs[(runs["dataset"] == dataset) & (runs["method"] == method.name)].iloc[0]
    default, given = preset(method.sharpness), method.fields
    found = [
        float(row[name]) if name in row and not pd.isna(row[name]) else float(given.get(name, getattr(default, name)))
        for name in ("rho", "alpha")
    ]
    return float(row["lr"]), found[0], found[1]


def _shows(evidence: Evidence, dataset: str, *methods: MethodSpec) -> bool:
    base = find(evidence.methods[dataset], PLAIN, methods[0].aggregator_text)
    found = [
        difference(evidence, dataset, method.name, base, measure=measure, ratio=ratio)
        for method in methods
        for measure, ratio in ((DELTA_M, False), (LAMBDA_MAX, True))
        if base
    ]
    return any(effect.differs for effect in found if effect)


def _words(values: tuple[float, float, float]) -> str:
    return ", ".join(f"{name} {x:g}" for name, x in zip(("lr", "rho", "alpha"), values, strict=True))
