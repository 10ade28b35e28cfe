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

from samo.claims.contrast import GAIN, PLAIN, SAMO, Comparison, Region, Test, difference, each_dataset
from samo.claims.evidence import DELTA_M, LAMBDA_MAX, Evidence, Kind, rows
from samo.optim.sharpness import preset
from samo.results.method import MethodSpec

SOURCE = "ours, from SAMO's formulas"
PLACEBO = Kind("placebo")


def at_equal_settings(region: Region = GAIN, ours: Kind = SAMO) -> Test:
    """Delta-m of the placebo minus ours, in each place where both were run; a case per given rho and learning rate."""

    def test(evidence: Evidence, dataset: str) -> Iterator[Comparison]:
        samo, placebo = ([m for m in evidence.methods[dataset] if _at_any_rate(m) == kind] for kind in (ours, PLACEBO))
        both = [(a, b) for a in samo for b in placebo if _place(a) == _place(b)]
        if not both:
            yield Comparison(dataset, missing=f"{ours} and {PLACEBO} on one aggregator")
        for base in dict.fromkeys(a.aggregator_text for a, _ in both):
            here = [(a, b) for a, b in both if a.aggregator_text == base]
            said = [(_settings(evidence, dataset, a), _settings(evidence, dataset, b)) for a, b in here]
            if all(own != other for own, other in said):
                yield Comparison(dataset, base=base, untestable=f"settings differ: {said[0][0]} for {said[0][1]}")
            for (a, b), (own, other) in zip(here, said, strict=True):
                if own == other:
                    yield replace(_one(evidence, dataset, a, b, own), region=region)

    return each_dataset(test)


def _one(evidence: Evidence, dataset: str, ours: MethodSpec, placebo: MethodSpec, settings: str) -> Comparison:
    """The two at equal settings; without an answer where neither shows beside the base at that rate."""
    base, plain, lack = ours.aggregator_text, ours.base(evidence.methods[dataset]), "runs on the same seeds"
    case = ", ".join(filter(None, (f"rho {ours.radii['rho']:g}" if ours.radii else "", ours.optimizer)))
    found = Comparison(dataset, None, GAIN, "Δm points", base, case, f"{dataset}-forest", lack, settings)
    if plain is None:
        return replace(found, missing=f"{replace(PLAIN, optimizer=ours.optimizer)} on {base}")
    changes = (
        difference(evidence, dataset, method.name, plain.name, measure=measure)
        for method in (ours, placebo)
        for measure in (DELTA_M, LAMBDA_MAX)
    )
    if not any(effect and effect.differs for effect in changes):
        return replace(found, untestable=f"the perturbation does not show at {settings}")
    return replace(found, effect=difference(evidence, dataset, placebo.name, ours.name))


def _settings(evidence: Evidence, dataset: str, method: MethodSpec) -> str:
    """Learning rate, rho and alpha in words: as chosen, else as given, else the preset's."""
    row, default = rows(evidence.last.runs, dataset, method.name).iloc[0], preset(method.sharpness)
    found = {"lr": row["lr"]}
    for name in ("rho", "alpha"):
        given = row.get(name)
        found[name] = method.fields.get(name, getattr(default, name)) if pd.isna(given) else given
    return ", ".join(f"{name} {value:g}" for name, value in found.items())


def _place(method: MethodSpec) -> tuple[str, str]:
    return method.aggregator_text, method.optimizer


def _at_any_rate(method: MethodSpec) -> Kind:
    return replace(Kind.of(method), optimizer="" if method.at_own_rate else method.optimizer)


comparisons = at_equal_settings()
