"""7. Layer-wise normalisation is needed.

Tested: Delta-m of SAMO without normalisation, and of SAMO normalised as a whole, minus that of SAMO normalised layer by
layer, on the same aggregator. Supported: both above 0. Equivalent: within half a point (`contrast.MARGIN`), one at
least. Contradicted: one of them below 0.
"""

from samo.claims.contrast import SAMO, compare, each
from samo.claims.evidence import DELTA_M, Kind

QUOTE = "The variance of zeroth-order gradient estimates can be large, leading to training instability."
SOURCE = "SAMO, method; all three normalisations are in its code"

MEASURE = DELTA_M._replace(figure="sensitivity")

comparisons = each(
    compare(Kind("samo", {"normalise": "none"}), SAMO, MEASURE, case="over none"),
    compare(Kind("samo", {"normalise": "global"}), SAMO, MEASURE, case="over global"),
)
