"""25. The estimate says something about the direction of a task's gradient.

Tested: cosine between the exact gradient of a task and its estimate as the method uses it: one direction,
layer-normalised, at running statistics, over the whole trunk. Supported: above 0.1, a hundredth of the gradient's
squared length. Equivalent: within 0.1 of a random direction's 0. Theory: in P dimensions it is about 0.8 / sqrt(P), and
what is left after normalisation is the sign of the slope alone. The interval of each network is over repeats with other
batches and directions.
"""

from samo.claims.c08_direction import estimates
from samo.claims.contrast import Region

QUOTE = "local perturbations are approximated using only forward passes"
SOURCE = "SAMO, abstract and method"

comparisons = estimates(
    ("spsa", True),
    region=Region(low=0.1, alike=(-0.1, 0.1)),
    lack="cosines of one layer-normalised direction",
    note=", {params} parameters",
)
