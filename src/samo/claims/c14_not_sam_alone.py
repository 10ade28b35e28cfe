"""14. "F-LS and F-STL cannot surpass conflict-aware methods such as F-IMTL."

Test: Delta-m of F-LS, and of F-STL (each task its own network, flat), minus that of a conflict-aware F-method, for
the one with the largest lead: the paper's own table has F-STL ahead of F-MGDA, so that the sentence can only be of
the best. True: the largest lead is above 0, over both. False: below 0. The interval pays for the number of F-methods.
"""

from collections.abc import Sequence

from samo.claims.cells import Kind, bases, find
from samo.claims.contrast import FMTL, conflict_aware, difference
from samo.claims.effects import Largest
from samo.claims.evidence import Evidence
from samo.claims.rule import Comparison

CLAIM = "F-LS and F-STL do not reach the best conflict-aware F-method"
SOURCE = "F-MTL, Table 7"
SINGLE = (Kind("fmtl", networks="separate"), Kind("lsam", networks="separate"))


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    return [
        _comparison(evidence, dataset, case) for dataset in evidence.datasets for case in ("over F-LS", "over F-STL")
    ]


def _comparison(evidence: Evidence, dataset: str, case: str) -> Comparison:
    known = evidence.cells[dataset]
    single = (find(known, kind, "ls") for kind in SINGLE)
    weaker = find(known, FMTL, "ls") if case == "over F-LS" else next(filter(None, single), None)
    best = {base: find(known, FMTL, base) for base in bases(known) if conflict_aware(base)}
    leads = {
        base: lead
        for base, method in best.items()
        if method and weaker and (lead := difference(evidence, dataset, weaker, method))
    }
    if not leads:
        lack = "fmtl on a conflict-aware aggregator" if weaker else f"{case.removeprefix('over ')}"
        return Comparison(dataset, None, case=case, missing=lack)
    largest = Largest(leads)
    return Comparison(
        dataset, largest, unit="Δm points", case=case, figure=f"{dataset}-forest", note=f"largest on {largest.where}"
    )
