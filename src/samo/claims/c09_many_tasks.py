"""9. SAMO improves its base with 11 and with 40 tasks.

Tested: Delta-m of each base method minus that of SAMO on the same aggregator, pooled over QM9 and CelebA. Supported:
above 0. Equivalent: within half a point (`contrast.MARGIN`). Contradicted: below 0.
"""

from samo.claims.contrast import PLAIN, SAMO, compare

QUOTE = "Consistent improvements are maintained on CelebA (40 tasks) and QM9 (11 tasks), demonstrating scalability."
SOURCE = "SAMO, QM9 and CelebA tables"

comparisons = compare(PLAIN, SAMO, datasets=("qm9", "celeba"))
