"""5. "SAMO consistently improves all three baseline methods (LS, MGDA, FairGrad) across all datasets."

Test: Delta-m of each of the three minus that of SAMO on it. True: above 0 for all three on every dataset. False:
below 0 for one of them.
"""

from collections.abc import Sequence

from samo.claims.contrast import PLAIN, SAMO, compare
from samo.claims.evidence import Evidence
from samo.claims.rule import Comparison

CLAIM = "SAMO improves LS, MGDA and FairGrad on every dataset"
SOURCE = "SAMO, main tables"
BASES = ("ls", "mgda", "fairgrad")


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    return compare(evidence, PLAIN, SAMO, only=BASES)
