"""32. An adaptive alpha, ASAM's ball and LookSAM's rest do no better than SAMO.

What SAMO's authors name as open; LookSAM at its own k = 5. Tested, for each on the same aggregator: by how much it
gains over SAMO in Delta-m. Supported: less than half a point (`contrast.MARGIN`), all three. Contradicted: one gains
more.
"""

from functools import partial

from samo.claims.comparison import Comparison, Region
from samo.claims.contrast import MARGIN, SAMO, compare
from samo.claims.evidence import Evidence, Kind

SOURCE = "ours; named as open by SAMO"
NO_BETTER = Region(high=MARGIN)
VARIANTS = {
    "adaptive alpha": Kind("samo", {"alpha": "adaptive"}),
    "ASAM": Kind("samo", {"adaptive": True}),
    "LookSAM": Kind("samo", {"every": 5}),
}


def comparisons(evidence: Evidence) -> list[Comparison]:
    """See above."""
    compared = partial(compare, evidence, SAMO, region=NO_BETTER)
    return [comparison for case, kind in VARIANTS.items() for comparison in compared(kind, case=case)]
