"""12. "The gradient conflict ratio approaches 0 % as training progresses (vs. rising above 50 % under standard ERM)."

Test: share of an epoch's mini-batches in which the tasks' loss gradients conflict, as counted during training. Under
F-MTL the last epoch's is below the first's, and below 0.1 (the figure's curve ends at about 0.01; a tenth is a fixed
allowance for shorter training); under the same aggregator without sharpness the last is above the first. True: all
three. False: one is the other way round.
"""

from collections.abc import Sequence

from samo.claims.contrast import FMTL, PLAIN, each
from samo.claims.evidence import Evidence
from samo.claims.measures import CONFLICT_RISE, LAST_CONFLICT
from samo.claims.rule import POSITIVE, Comparison, Region

CLAIM = "Conflicts vanish under F-MTL and grow without sharpness"
SOURCE = "F-MTL, Figure 3"
NEAR_ZERO = Region(high=0.1)


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    rows = [
        (FMTL, CONFLICT_RISE, POSITIVE, "F-MTL: fall", -1),
        (FMTL, LAST_CONFLICT, NEAR_ZERO, "F-MTL: last epoch", 1),
        (PLAIN, CONFLICT_RISE, POSITIVE, "no sharpness: rise", 1),
    ]
    return [
        comparison
        for kind, measure, region, case, sign in rows
        for comparison in each(evidence, kind, measure, unit="share", region=region, case=case, sign=sign)
    ]
