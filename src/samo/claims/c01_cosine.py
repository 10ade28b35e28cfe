"""1. SAM raises the cosine between task gradients.

Tested: mean pairwise cosine of the task gradients on the fixed probe set, averaged over all epochs of training (the
sentence is about training, and gradients near a minimum are mostly noise): G-SAM minus the same aggregator without
sharpness. Supported: above 0. Equivalent: within 0.05, a tenth of a step from clearly negative to clearly positive.
Contradicted: below 0.
"""

from samo.claims.contrast import GSAM, PLAIN, Region, compare
from samo.claims.evidence import COSINE

QUOTE = "SAM substantially increases the cosine similarity between task gradients (from negative to positive values)."
SOURCE = "SAMO, observations on SAM in multi-task learning"

comparisons = compare(GSAM, PLAIN, COSINE, region=Region(low=0.0, alike=(-0.05, 0.05)))
