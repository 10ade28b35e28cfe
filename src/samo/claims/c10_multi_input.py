"""10. SAMO improves its base with an input per task.

Tested: Delta-m of each base method minus that of SAMO on the same aggregator, on Office-Home. Supported: above 0.
Equivalent: within half a point (`contrast.MARGIN`). Contradicted: below 0.
"""

from samo.claims.contrast import PLAIN, SAMO, compare

QUOTE = "SAMO remains effective in the multi-input setting of Office-Home"
SOURCE = "SAMO, Office-Home table"

comparisons = compare(PLAIN, SAMO, datasets=("officehome",))
