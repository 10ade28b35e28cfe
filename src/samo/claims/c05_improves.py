"""5. SAMO improves LS, MGDA and FairGrad.

Tested: Delta-m of each of the three minus that of SAMO on it, pooled over datasets and aggregators. Supported: above 0.
Equivalent: within half a point (`contrast.MARGIN`). Contradicted: below 0. Each place stands beside it.
"""

from collections.abc import Sequence

from samo.claims.comparison import Comparison
from samo.claims.contrast import PLAIN, SAMO, compare
from samo.claims.evidence import Evidence

CLAIM = "SAMO improves LS, MGDA and FairGrad across datasets"
QUOTE = "SAMO consistently improves all three baseline methods (LS, MGDA, FairGrad) across all datasets."
SOURCE = "SAMO, main tables"
BASES = ("ls", "mgda", "fairgrad")


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    return compare(evidence, PLAIN, SAMO, only=BASES)
