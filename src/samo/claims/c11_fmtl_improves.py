"""11. F-MTL "can be composed with any existing gradient-based MTL method" and improves every one on every dataset.

Test: Delta-m of each base method minus that of F-MTL on the same aggregator. True: above 0 for all. False: below 0
for one.
"""

from collections.abc import Sequence

from samo.claims.contrast import FMTL, PLAIN, compare
from samo.claims.evidence import Evidence
from samo.claims.rule import Comparison

CLAIM = "F-MTL improves every base method on every dataset"
SOURCE = "F-MTL, Tables 1 to 4"


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    return compare(evidence, PLAIN, FMTL)
