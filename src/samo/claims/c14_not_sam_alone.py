"""14. F-LS and F-STL do not reach conflict-aware methods such as F-IMTL.

Tested: Delta-m of F-LS, and of F-STL (each task its own network, flat), minus that of F-IMTL-G, the method that the
sentence names. Supported: both above 0. Equivalent: within half a point (`contrast.MARGIN`), one at least.
Contradicted: one below 0. Not testable against F-STL where plain single-task training beats plain IMTL-G: there
multi-task training costs more than any sharpness could show, and the paper's own tables are not of that case.
"""

from collections.abc import Sequence

from samo.claims.comparison import Comparison
from samo.claims.contrast import FMTL, GAIN, PLAIN, SINGLE, difference
from samo.claims.evidence import Evidence, Kind, find
from samo.results.stats import LEVEL

CLAIM = "F-LS and F-STL do not reach conflict-aware F-methods such as F-IMTL"
QUOTE = "F-LS and F-STL cannot surpass conflict-aware methods such as F-IMTL."
SOURCE = "F-MTL, Table 7"
FLAT_SINGLE = (Kind("fmtl", networks="separate"), Kind("lsam", networks="separate"))
"""With one task each of F-MTL's ways is plain SAM."""
NAMED = "imtl-g"


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    return [_against(evidence, dataset, case) for dataset in evidence.datasets for case in ("F-LS", "F-STL")]


def _against(evidence: Evidence, dataset: str, case: str) -> Comparison:
    known = evidence.methods[dataset]
    singles = (find(known, kind, "ls") for kind in FLAT_SINGLE)
    weaker = find(known, FMTL, "ls") if case == "F-LS" else next(filter(None, singles), None)
    ours = find(known, FMTL, NAMED)
    lack = " and ".join(filter(None, ("" if weaker else case, "" if ours else f"fmtl on {NAMED}")))
    effect = difference(evidence, dataset, weaker, ours) if weaker and ours else None
    untestable = ""
    stl, plain = find(known, SINGLE, "ls"), find(known, PLAIN, NAMED)
    if effect and case == "F-STL" and stl and plain:
        lost = difference(evidence, dataset, plain, stl)
        if lost and lost.above(0.0) < (1 - LEVEL) / 2:
            effect, untestable = None, f"STL is ahead of plain IMTL-G by {lost.value:.2f} points of Δm here"
    head = Comparison(dataset, effect, GAIN, "Δm points", NAMED, f"over {case}", f"{dataset}-forest")
    return Comparison(**{**vars(head), "missing": lack or "runs on the same seeds", "untestable": untestable})
