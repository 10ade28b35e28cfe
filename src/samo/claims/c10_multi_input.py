"""10. "SAMO remains effective in the multi-input setting of Office-Home."

Test: Delta-m of each base method minus that of SAMO on the same aggregator, on this dataset alone. True: above 0 for
all. False: below 0 for one.
"""

from collections.abc import Sequence

from samo.claims.contrast import PLAIN, SAMO, compare
from samo.claims.evidence import Evidence
from samo.claims.rule import Comparison

CLAIM = "SAMO improves its base with one input a task"
SOURCE = "SAMO, Office-Home table"
DATASETS = ("officehome",)


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    return compare(evidence, PLAIN, SAMO, datasets=DATASETS)
