"""9. SAMO improves its base with 11 and with 40 tasks.

Tested: Delta-m of each base method minus that of SAMO on the same aggregator, pooled over QM9 and CelebA. Supported:
above 0. Equivalent: within half a point (`contrast.MARGIN`). Contradicted: below 0.
"""

from collections.abc import Sequence

from samo.claims.comparison import Comparison
from samo.claims.contrast import PLAIN, SAMO, compare
from samo.claims.evidence import Evidence

CLAIM = "SAMO improves its base with 11 and with 40 tasks"
QUOTE = "Consistent improvements are maintained on CelebA (40 tasks) and QM9 (11 tasks), demonstrating scalability."
SOURCE = "SAMO, QM9 and CelebA tables"
DATASETS = ("qm9", "celeba")


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    return compare(evidence, PLAIN, SAMO, datasets=DATASETS)
