"""4. Joint perturbation beats global alone and local alone.

Tested: Delta-m of G-SAM, and that of L-SAM, minus that of SAMO on the same aggregator. Supported: both pooled effects
above 0. Equivalent: both within half a point (`contrast.MARGIN`), or one above 0 and one within. Contradicted: one of
them below 0.
"""

from samo.claims.contrast import GSAM, LSAM, SAMO, compare, each

QUOTE = "The joint global-local perturbation consistently outperforms using either global or local perturbation alone."
SOURCE = "SAMO, ablation of global and local perturbation"

comparisons = each(compare(GSAM, SAMO, case="over G-SAM"), compare(LSAM, SAMO, case="over L-SAM"))
