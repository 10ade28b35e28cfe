"""21. The estimate's sign carries information: SAMO beats its placebo.

Tested: Delta-m of the placebo (the same perturbation with a coin for the sign, and no probe) minus that of SAMO on the
same aggregator, with equal learning rate, rho and alpha: what differs is the coin alone. A learning rate that both are
given is a case of its own. Supported: above 0. Equivalent: within half a point (`contrast.MARGIN`). Contradicted: below
0. Not testable where their settings differ, or where the perturbation does not show: neither Delta-m nor lambda_max of
SAMO or of the placebo differs from those of the base at that rate.
"""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from samo.claims.comparison import Comparison, Region
from samo.claims.contrast import GAIN, PLAIN, SAMO, Test, difference, each_dataset
from samo.claims.evidence import Evidence, Kind
from samo.claims.measures import DELTA_M, LAMBDA_MAX
from samo.optim.sharpness import preset
from samo.results.method import MethodSpec

SOURCE = "ours, from SAMO's formulas"
PLACEBO = Kind("placebo")


def at_equal_settings(region: Region = GAIN, ours: Kind = SAMO) -> Test:
    """Delta-m of the placebo minus ours, in each place where both were run; a case per given rho and learning rate."""

    def test(evidence: Evidence, dataset: str) -> Iterator[Comparison]:
        known = evidence.methods[dataset]
        samo, placebo = ([m for m in known if _at_any_rate(m) == kind] for kind in (ours, PLACEBO))
        alike = [(a, b) for a in samo for b in placebo if a.optimizer == b.optimizer]
        both = [(a, b) for a, b in alike if a.aggregator_text == b.aggregator_text]
        if not both:
            yield Comparison(dataset, None, missing=f"{ours} and {PLACEBO} on one aggregator")
        for base in dict.fromkeys(a.aggregator_text for a, _ in both):
            here = [(a, b) for a, b in both if a.aggregator_text == base]
            said = [(_settings(evidence, dataset, a), _settings(evidence, dataset, b)) for a, b in here]
            if all(own != other for own, other in said):
                yield Comparison(dataset, None, base=base, untestable=f"settings differ: {said[0][0]} for {said[0][1]}")
            for (a, b), (own, other) in zip(here, said, strict=True):
                if own == other:
                    plain = a.base(known)
                    shown = plain is None or _shows(evidence, dataset, plain.name, a.name, b.name)
                    hidden = "" if shown else f"the perturbation does not show at {own}"
                    effect = difference(evidence, dataset, b.name, a.name) if plain and shown else None
                    lack = "runs on the same seeds" if plain else f"{replace(PLAIN, optimizer=a.optimizer)} on {base}"
                    figure = f"{dataset}-forest"
                    dose = ", ".join(filter(None, (f"rho {a.radii['rho']:g}" if a.radii else "", a.optimizer)))
                    yield Comparison(dataset, effect, region, "Δm points", base, dose, figure, lack, own, hidden)

    return each_dataset(test)


def _settings(evidence: Evidence, dataset: str, method: MethodSpec) -> str:
    """Learning rate, rho and alpha in words: as chosen, else as given, else the preset's."""
    runs = evidence.last.runs
    row = runs[(runs["dataset"] == dataset) & (runs["method"] == method.name)].iloc[0]
    default = preset(method.sharpness)
    found = {"lr": row["lr"]}
    for name in ("rho", "alpha"):
        given = row.get(name)
        found[name] = method.fields.get(name, getattr(default, name)) if pd.isna(given) else given
    return ", ".join(f"{name} {value:g}" for name, value in found.items())


def _at_any_rate(method: MethodSpec) -> Kind:
    return replace(Kind.of(method), optimizer="" if method.at_own_rate else method.optimizer)


def _shows(evidence: Evidence, dataset: str, base: str, *methods: str) -> bool:
    found = [
        difference(evidence, dataset, method, base, measure=measure, ratio=ratio)
        for method in methods
        for measure, ratio in ((DELTA_M, False), (LAMBDA_MAX, True))
    ]
    return any(effect.differs for effect in found if effect)


comparisons = at_equal_settings()
