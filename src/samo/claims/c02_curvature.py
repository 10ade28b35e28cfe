"""2. SAM lowers lambda_max and lambda_max / lambda_5.

Tested: each of the two of the averaged loss's Hessian over the trunk, after training: how many times that of G-SAM it
is without sharpness, on the same aggregator. Supported: above 1, both. Equivalent: within 10 %, about what another draw
of the data moves an eigenvalue by. Contradicted: below 1, one of them.
"""

from collections.abc import Sequence

from samo.claims.comparison import Comparison, Region
from samo.claims.contrast import GSAM, PLAIN, compare
from samo.claims.evidence import Evidence
from samo.claims.measures import curvature

CLAIM = "SAM lowers lambda_max and lambda_max / lambda_5"
QUOTE = "Sharpness metrics λ_max and λ_max/λ_5 of the loss landscape both decrease markedly."
SOURCE = "SAMO, Hessian spectra"
SHARPER = Region(low=1.0, alike=(1 / 1.1, 1.1))
"""How many times as sharp the other is."""
MEASURES = {"lambda_max": "lambda_max", "lambda_ratio5": "lambda_max / lambda_5"}


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    return [
        comparison
        for measure, case in MEASURES.items()
        for comparison in compare(
            evidence, PLAIN, GSAM, curvature(measure), unit="times", region=SHARPER, case=case, ratio=True
        )
    ]
