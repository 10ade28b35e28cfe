"""13. Separate aggregation of loss and flatness beats direct aggregation.

Tested: Delta-m of the direct variant (L-SAM) minus that of F-MTL, on the same conflict-aware aggregator. Where the
weights do not come from the gradients (LS) the two are the same thing or nearly so, and the sentence is not about them.
Supported: above 0. Equivalent: within half a point (`contrast.MARGIN`). Contradicted: below 0.
"""

from samo.aggregation import SCALARISERS
from samo.claims.contrast import FMTL, LSAM, compare

QUOTE = "The decomposition strategy outperforms direct aggregation"
SOURCE = "F-MTL, Table 5"

comparisons = compare(LSAM, FMTL, without=SCALARISERS)
