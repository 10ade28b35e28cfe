"""23. Ours: a perturbation that costs nothing does as well as SAMO.

Momentum-SAM and look-back move along what the optimiser did before, and need no extra pass. Tests, on the same
aggregator: Delta-m of SAMO minus that of the better of the two, above minus the margin (`contrast.MARGIN`), with an
interval that pays for having two; and the dearer step of the two, as a multiple of one without sharpness, below 1.1.
True: both. False: worse by more than the margin, or dearer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from samo.claims.cells import Kind, find
from samo.claims.contrast import AS_WELL, DEAREST, PLAIN, SAMO, difference, pairs, quotient
from samo.claims.effects import Effect, Largest
from samo.claims.evidence import Evidence
from samo.claims.measures import step_time
from samo.claims.rule import Comparison

CLAIM = "A perturbation that costs nothing (msam, lookback) does as well as SAMO"
SOURCE = "ours; Momentum-SAM (Becker et al. 2024)"
FREE = (Kind("msam"), Kind("lookback"))


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    return [
        comparison
        for dataset in evidence.datasets
        for base, methods, missing in pairs(evidence, dataset, (SAMO, PLAIN))
        for comparison in _comparisons(evidence, dataset, base, methods, missing)
    ]


def _comparisons(evidence: Evidence, dataset: str, base: str, methods: Sequence[str], missing: str) -> list[Comparison]:
    known = evidence.cells[dataset]
    free = {kind.sharpness: name for kind in FREE if (name := find(known, kind, base))}
    if missing or not free:
        return [Comparison(dataset, None, base=base, missing=missing or f"msam or lookback on {base}")]
    samo, plain = methods
    unpaid = step_time(evidence, dataset, plain)
    leads = {key: lead for key, name in free.items() if (lead := difference(evidence, dataset, samo, name))}
    costs = {key: c for key, name in free.items() if (c := quotient(step_time(evidence, dataset, name), unpaid)[0])}
    return [
        _largest(Comparison(dataset, None, AS_WELL, "Δm points", base, "as good", f"{dataset}-forest", "runs"), leads),
        _largest(Comparison(dataset, None, DEAREST, "times", base, "free", f"{dataset}-cost", "cost"), costs),
    ]


def _largest(comparison: Comparison, effects: Mapping[str, Effect]) -> Comparison:
    if not effects:
        return replace(comparison, missing=f"{comparison.missing} of msam or lookback on {comparison.base}")
    largest = Largest(effects)
    return replace(comparison, effect=largest, missing="", note=largest.where)
