"""17. F-MTL incurs "roughly 2x the computational cost of the base method".

Test: how many times as long a step takes as that of the same aggregator without sharpness, without data loading.
True: within 1.5 and 2.5. False: outside. The interval is of rounds on one machine, not of seeds.
"""

from collections.abc import Sequence

from samo.claims.contrast import FMTL, PLAIN, times
from samo.claims.evidence import Evidence
from samo.claims.rule import Comparison, Region

CLAIM = "F-MTL costs about twice its base"
SOURCE = "F-MTL, method: cost"


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    return times(evidence, FMTL, PLAIN, region=Region(1.5, 2.5))
