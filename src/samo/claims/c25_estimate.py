"""25. The estimate says something about the true gradient.

Tested: cosine between the exact gradient of a task and its estimate as the method uses it: one direction,
layer-normalised, at running statistics, over the whole trunk. Supported: above 0.1, a hundredth of the gradient's
squared length. Equivalent: within 0.1 of a random direction's 0. Theory: in P dimensions it is about 0.8 / sqrt(P), and
what is left after normalisation is the sign of the slope alone. The interval of each network is over repeats with other
batches and directions.
"""

from collections.abc import Sequence

from samo.claims.c08_direction import cosine, estimates
from samo.claims.comparison import Comparison, Region
from samo.claims.evidence import Evidence

CLAIM = "The estimate says something about the direction of a task's gradient"
QUOTE = "local perturbations are approximated using only forward passes"
SOURCE = "SAMO, abstract and method"
KNOWS = Region(low=0.1, alike=(-0.1, 0.1))


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    found = []
    for dataset, method, seed, rows in estimates(evidence):
        if effect := cosine(rows, "spsa", True):
            note = f"{method}, seed {seed}, {int(rows['params'].iloc[0])} parameters"
            found.append(Comparison(dataset, effect, KNOWS, "cosine", figure=f"{dataset}-probe", note=note))
    lack = "cosines of one layer-normalised direction"
    return found or [Comparison(dataset, None, missing=lack) for dataset in evidence.datasets]
