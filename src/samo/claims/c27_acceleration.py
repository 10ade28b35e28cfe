"""27. What msam and lookback gain is acceleration, not flatness.

Momentum-SAM and look-back move along *minus* the past direction: the side to which Nesterov's gradient looks ahead.
Tested, were it so: their ends are no flatter than the base's (lambda_max of the base in multiples of theirs below 1.1);
after few updates, where they gain, NAdam without a perturbation is not worse by half a point, and the other sign does
not gain half a point; and their gain fades with the updates, and is gone at the longest budget (claim 30).
Contradicted: one of them is the other way round. Not testable without a gain of theirs to explain.
"""

from functools import partial

from samo.claims.c23_free import FREE
from samo.claims.c30_transient import fading
from samo.claims.comparison import Comparison, Region
from samo.claims.contrast import AS_WELL, MARGIN, PLAIN, Test, compare, each, with_gain
from samo.claims.evidence import Evidence, Kind
from samo.claims.measures import LAMBDA_MAX

SOURCE = "ours; Momentum-SAM (Becker et al. 2024) starts from Nesterov's gradient"
NADAM = Kind("none", optimizer="nadam")


def _early(evidence: Evidence, kind: Kind, first: Kind, second: Kind, region: Region, case: str) -> list[Comparison]:
    """At the shortest budget of each dataset that both have: later the gain may be gone."""
    found: list[Comparison] = []
    for dataset in evidence.datasets:
        for at in (*evidence.ladder.values(), evidence):
            here = compare(at, first, second, region=region, case=case, datasets=[dataset])
            if any(c.effect for c in here) or at is evidence:
                found += with_gain(at, here, kind)
                break
    return found


def _of(kind: Kind) -> Test:
    other, least = Kind(kind.sharpness, {"sign": 1}), Region(high=MARGIN)
    flat = partial(compare, measure=LAMBDA_MAX, unit="times", region=Region(high=1.1), case="no flatter", ratio=True)
    early = partial(_early, kind=kind)
    return each(
        partial(flat, first=PLAIN, second=kind),
        partial(early, first=kind, second=NADAM, region=AS_WELL, case="NAdam matches"),
        partial(early, first=PLAIN, second=other, region=least, case="the other sign gains nothing"),
    )


comparisons = each(*map(_of, FREE), partial(fading, kinds=FREE))
