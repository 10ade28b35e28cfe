"""7. Layer-wise normalisation is needed.

Tested: Delta-m of SAMO without normalisation, and of SAMO normalised as a whole, minus that of SAMO normalised layer by
layer, on the same aggregator. Supported: both above 0. Equivalent: within half a point (`contrast.MARGIN`), one at
least. Contradicted: one of them below 0.
"""

from collections.abc import Sequence
from dataclasses import replace

from samo.claims.comparison import Comparison
from samo.claims.contrast import SAMO, compare
from samo.claims.evidence import Evidence, Kind
from samo.claims.measures import DELTA_M

CLAIM = "Layer-wise normalisation is needed"
QUOTE = "The variance of zeroth-order gradient estimates can be large, leading to training instability."
SOURCE = "SAMO, method; all three normalisations are in its code"
SHOWN = replace(DELTA_M, figure="sensitivity")


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    return [
        comparison
        for how, case in (("none", "over none"), ("global", "over global"))
        for comparison in compare(evidence, Kind("samo", {"normalise": how}), SAMO, SHOWN, case=case)
    ]
