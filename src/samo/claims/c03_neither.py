"""3. "G-SAM and L-SAM each exhibit advantages depending on the method and dataset."

Test: Delta-m of the one minus that of the other, in each place (dataset and aggregator) that has both. Each must be
ahead somewhere: its largest lead over all places is above 0. True: both leads are. False: one of them is below 0,
which is to say that the other wins everywhere. The interval of a largest lead pays for the number of places. One
place alone cannot tell, so that at least two are needed; the sentence is of all datasets together.
"""

from collections.abc import Mapping, Sequence

from samo.claims.contrast import GSAM, LSAM, difference, pairs
from samo.claims.effects import Largest, Seeds
from samo.claims.evidence import Evidence
from samo.claims.rule import Comparison

CLAIM = "Neither G-SAM nor L-SAM wins everywhere"
SOURCE = "SAMO, ablation of global and local perturbation"


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    leads = _leads(evidence)
    opposite = {place: Seeds(tuple(-value for value in lead.by_seed)) for place, lead in leads.items()}
    return [_somewhere("G-SAM", leads), _somewhere("L-SAM", opposite)]


def _somewhere(name: str, leads: Mapping[str, Seeds]) -> Comparison:
    case = f"{name} ahead somewhere"
    if len(leads) < 2:
        return Comparison("all together", None, case=case, missing="gsam and lsam in two places (dataset, aggregator)")
    largest = Largest(leads)
    return Comparison("all together", largest, unit="Δm points", case=case, note=f"most in {largest.where}")


def _leads(evidence: Evidence) -> dict[str, Seeds]:
    """Of G-SAM, by place."""
    found: dict[str, Seeds] = {}
    for dataset in evidence.datasets:
        for base, methods, _ in pairs(evidence, dataset, (LSAM, GSAM)):
            lead = difference(evidence, dataset, *methods) if methods else None
            if lead:
                found[f"{dataset} {base}"] = lead
    return found
