"""17. F-MTL costs about twice a gradient-based base.

Tested: how many times as long a step takes as that of the same aggregator without sharpness, without data loading, for
the aggregators that use the tasks' gradients: the sentence is about these, and LS, whose base step is cheaper, is left
out. The same by the count of passes stands beside it. Supported: within 1.5 and 2.5. Contradicted: outside. The
interval is over rounds on one machine.
"""

from samo.aggregation import SCALARISERS
from samo.claims.contrast import FMTL, PLAIN, Region, times

QUOTE = "incurring roughly 2× the computational cost of the base method"
SOURCE = "F-MTL, method: cost"

comparisons = times(FMTL, PLAIN, region=Region(1.5, 2.5), without=SCALARISERS)
