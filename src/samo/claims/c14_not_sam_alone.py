"""14. F-LS and F-STL do not reach conflict-aware F-methods such as F-IMTL.

Tested: Delta-m of F-LS, and of F-STL (each task its own network, flat), minus that of F-IMTL-G, the method that the
sentence names. Supported: both above 0. Equivalent: within half a point (`contrast.MARGIN`), one at least.
Contradicted: one below 0. Not testable against F-STL where plain single-task training beats plain IMTL-G: there
multi-task training costs more than any sharpness could show, and the paper's own tables are not of that case.
"""

from collections.abc import Iterator

from samo.claims.contrast import FMTL, GAIN, PLAIN, SINGLE, Comparison, difference, each_dataset
from samo.claims.evidence import Evidence, Kind, find

QUOTE = "F-LS and F-STL cannot surpass conflict-aware methods such as F-IMTL."
SOURCE = "F-MTL, Table 7"
NAMED = "imtl-g"


@each_dataset
def comparisons(evidence: Evidence, dataset: str) -> Iterator[Comparison]:
    known = evidence.methods[dataset]
    # With one task each of F-MTL's ways is plain SAM.
    alone = (find(known, Kind(sharpness, networks="separate"), "ls") for sharpness in ("fmtl", "lsam"))
    weaker = {"F-LS": find(known, FMTL, "ls"), "F-STL": next(filter(None, alone), None)}
    ours, stl, plain = find(known, FMTL, NAMED), find(known, SINGLE, "ls"), find(known, PLAIN, NAMED)
    lost = difference(evidence, dataset, plain, stl)
    for case, theirs in weaker.items():
        lack = " and ".join(filter(None, ("" if theirs else case, "" if ours else f"fmtl on {NAMED}")))
        effect, untestable = difference(evidence, dataset, theirs, ours), ""
        if effect and lost and lost.positive and case == "F-STL":
            effect, untestable = None, f"STL is ahead of plain IMTL-G by {lost.value:.2f} points of Δm here"
        lack, figure = lack or "runs on the same seeds", f"{dataset}-forest"
        yield Comparison(dataset, effect, GAIN, "Δm points", NAMED, f"over {case}", figure, lack, untestable=untestable)
