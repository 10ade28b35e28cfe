"""5. SAMO improves LS, MGDA and FairGrad across datasets.

Tested: Delta-m of each of the three minus that of SAMO on it, pooled over datasets and aggregators. Supported: above 0.
Equivalent: within half a point (`contrast.MARGIN`). Contradicted: below 0. Each place stands beside it.
"""

from samo.claims.contrast import PLAIN, SAMO, compare

QUOTE = "SAMO consistently improves all three baseline methods (LS, MGDA, FairGrad) across all datasets."
SOURCE = "SAMO, main tables"

comparisons = compare(PLAIN, SAMO, only=("ls", "mgda", "fairgrad"))
