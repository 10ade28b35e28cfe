"""11. F-MTL improves its base methods across datasets.

Tested: Delta-m of each base method minus that of F-MTL on the same aggregator, pooled over datasets and aggregators.
Supported: above 0. Equivalent: within half a point (`contrast.MARGIN`). Contradicted: below 0. Each place stands beside
it, and one that is worse keeps the whole from "supported".
"""

from samo.claims.contrast import FMTL, PLAIN, compare

QUOTE = "F-Method consistently improves all baseline methods across all datasets."
SOURCE = "F-MTL, Tables 1 to 4"

comparisons = compare(PLAIN, FMTL)
