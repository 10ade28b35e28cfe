"""6. "SAMO incurs only 2-6 % additional time [...], far below the 80 %+ overhead of F-MTL"; "comparable to G-SAM."

Test: how many times as long a step takes as G-SAM's with the same aggregator, without data loading: the base method
without sharpness is no yardstick, since G-SAM alone takes twice its passes. True: SAMO below 1.06, F-MTL above 1.8.
False: SAMO above 1.06, or F-MTL below 1.8. The interval is of rounds on one machine, not of seeds: times are facts of
the machine.
"""

from collections.abc import Sequence

from samo.claims.contrast import FMTL, GSAM, SAMO, times
from samo.claims.evidence import Evidence
from samo.claims.rule import Comparison, Region

CLAIM = "Over G-SAM, SAMO takes at most 6 % more time, F-MTL over 80 %"
SOURCE = "SAMO, runtime comparison"


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    return [
        *times(evidence, SAMO, GSAM, region=Region(high=1.06), case="SAMO"),
        *times(evidence, FMTL, GSAM, region=Region(low=1.8), case="F-MTL"),
    ]
