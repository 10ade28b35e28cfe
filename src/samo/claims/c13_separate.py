"""13. "The decomposition strategy outperforms direct aggregation", M(g) + M(s - g) against M(s).

Test: Delta-m of the direct variant (L-SAM) minus that of F-MTL, on the same conflict-aware aggregator. Where the
weights do not come from the gradients (LS) the two are the same thing or nearly so, and the sentence is not of them.
True: above 0 everywhere. False: below 0 somewhere.
"""

from collections.abc import Sequence

from samo.aggregation import SCALARISERS
from samo.claims.contrast import FMTL, LSAM, compare
from samo.claims.evidence import Evidence
from samo.claims.rule import Comparison

CLAIM = "Separate aggregation of loss and flatness beats direct aggregation"
SOURCE = "F-MTL, Table 5"


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    return compare(evidence, LSAM, FMTL, without=SCALARISERS)
