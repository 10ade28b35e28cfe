"""9. "Consistent improvements are maintained on CelebA (40 tasks) and QM9 (11 tasks)."

Test: Delta-m of each base method minus that of SAMO on the same aggregator, on these datasets alone. True: above 0
for both. False: below 0 for one.
"""

from collections.abc import Sequence

from samo.claims.contrast import PLAIN, SAMO, compare
from samo.claims.evidence import Evidence
from samo.claims.rule import Comparison

CLAIM = "SAMO improves its base with 11 and with 40 tasks"
SOURCE = "SAMO, QM9 and CelebA tables"
DATASETS = ("qm9", "celeba")


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    return compare(evidence, PLAIN, SAMO, datasets=DATASETS)
