"""28. Ours: a remembered gradient knows more of a task's gradient than the probe, and costs no pass.

Tested: cosine of the task's exact gradient with the one it had a step ago, minus that with the estimate by one
layer-normalised direction, on the same trained network. Supported: above 0. Equivalent: within 0.05. Contradicted:
below 0. The analysis `probe` measures no remembered gradient yet (estimator "remembered").
"""

from collections.abc import Sequence

from samo.claims.c08_direction import cosine, estimates, minus
from samo.claims.comparison import Comparison, Region
from samo.claims.evidence import Evidence

CLAIM = "A remembered gradient knows more of a task's gradient than the probe"
QUOTE = ""
SOURCE = "ours"
MORE = Region(low=0.0, alike=(-0.05, 0.05))


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    found = []
    for dataset, method, seed, rows in estimates(evidence):
        remembered, estimate = cosine(rows, "remembered", False), cosine(rows, "spsa", True)
        if remembered and estimate:
            effect, note = minus(remembered, estimate), f"{method}, seed {seed}"
            found.append(Comparison(dataset, effect, MORE, "cosine", figure=f"{dataset}-probe", note=note))
    return found or [Comparison(d, None, missing="cosine of a remembered gradient") for d in evidence.datasets]
