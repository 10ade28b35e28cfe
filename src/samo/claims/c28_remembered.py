"""28. A remembered gradient knows more of a task's gradient than the probe.

Tested: cosine of the task's exact gradient with the one it had a step ago, minus that with the estimate by one
layer-normalised direction, along a short training on each dataset's network. Supported: above 0. Equivalent: within
0.05. Contradicted: below 0. The interval is over the places along the way.
"""

from samo.claims.c08_direction import estimates
from samo.claims.contrast import Region

SOURCE = "ours"

comparisons = estimates(
    ("remembered", False),
    ("spsa", True),
    region=Region(low=0.0, alike=(-0.05, 0.05)),
    lack="cosine of a remembered gradient",
    source="training",
)
