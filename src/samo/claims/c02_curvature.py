"""2. "Sharpness metrics lambda_max and lambda_max / lambda_5 of the loss landscape both decrease markedly" (with
SAM).

Test: each of the two measures of the averaged loss's Hessian over the trunk, after training: how many times that of
G-SAM it is without sharpness, on the same aggregator. True: above 1, both. False: below 1, one of them.
"""

from collections.abc import Sequence

from samo.claims.contrast import GSAM, PLAIN, compare
from samo.claims.evidence import Evidence
from samo.claims.measures import curvature
from samo.claims.rule import Comparison, Region

CLAIM = "SAM lowers lambda_max and lambda_max / lambda_5"
SOURCE = "SAMO, Hessian spectra"
MEASURES = {"lambda_max": "lambda_max", "lambda_ratio5": "lambda_max / lambda_5"}


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    return [
        comparison
        for measure, case in MEASURES.items()
        for comparison in compare(
            evidence, PLAIN, GSAM, curvature(measure), unit="times", region=Region(low=1.0), case=case, ratio=True
        )
    ]
