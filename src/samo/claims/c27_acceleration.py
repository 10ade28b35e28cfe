"""27. What msam and lookback gain is acceleration, not flatness.

Momentum-SAM and look-back move along *minus* the past direction: the side to which Nesterov's gradient looks ahead.
Tested, were it so: their ends are no flatter than the base's (lambda_max of the base in multiples of theirs; supported:
within 10 % or below, as far as a claim of "no flatter" goes); NAdam without a perturbation does as well (Delta-m of
NAdam's minus theirs); the opposite sign does not gain; and the gain vanishes with training (its fall over a ladder of
budgets). The last three need conditions that no profile has yet: optimiser NAdam, the other sign, several budgets.
Contradicted: one of them is the other way round.
"""

from samo.claims.c23_free import FREE
from samo.claims.comparison import Comparison, Region
from samo.claims.contrast import PLAIN, compare
from samo.claims.evidence import Evidence
from samo.claims.measures import LAMBDA_MAX

SOURCE = "ours; Momentum-SAM (Becker et al. 2024) starts from Nesterov's gradient"
NO_FLATTER = Region(high=1.1)
PLANNED = {
    "NAdam matches": "NAdam without a perturbation",
    "the other sign gains nothing": "msam and lookback with the other sign",
    "gone with training": "msam, lookback and their base at several numbers of updates",
}


def comparisons(evidence: Evidence) -> list[Comparison]:
    """See above."""
    given = {"unit": "times", "region": NO_FLATTER, "case": "no flatter", "ratio": True}
    flat = [c for kind in FREE for c in compare(evidence, PLAIN, kind, LAMBDA_MAX, **given)]  # type: ignore[arg-type]
    return [*flat, *(Comparison("all together", None, case=case, missing=lack) for case, lack in PLANNED.items())]
