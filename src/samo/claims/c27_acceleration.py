"""27. What msam and lookback gain is acceleration, not flatness.

Momentum-SAM and look-back move along *minus* the past direction: the side to which Nesterov's gradient looks ahead.
Tested, were it so: their ends are no flatter than the base's (lambda_max of the base in multiples of theirs below 1.1);
after few updates, where they gain, NAdam without a perturbation is not worse by half a point, and the other sign does
not gain half a point; and their gain fades with the updates, and is gone at the longest budget (claim 30).
Contradicted: one of them is the other way round. Not testable without a gain of theirs to explain.
"""

from collections.abc import Sequence

from samo.claims.c23_free import FREE
from samo.claims.c30_transient import fading
from samo.claims.contrast import AS_WELL, PLAIN, SMALL, Comparison, Region, Test, compare, each, each_dataset, with_gain
from samo.claims.evidence import LAMBDA_MAX, Evidence, Kind

SOURCE = "ours; Momentum-SAM (Becker et al. 2024) starts from Nesterov's gradient"
NADAM = Kind("none", optimizer="nadam")


def _early(kind: Kind, first: Kind, second: Kind, region: Region, case: str) -> Test:
    """At the shortest budget of each dataset that both have: later the gain may be gone."""

    def test(evidence: Evidence, dataset: str) -> Sequence[Comparison]:
        here = compare(first, second, region=region, case=case, datasets=[dataset])
        at = next((rung for rung in evidence.ladder.values() if any(c.effect for c in here(rung))), evidence)
        return with_gain(here, kind)(at)

    return each_dataset(test)


def _of(kind: Kind) -> Test:
    other = Kind(kind.sharpness, {"sign": 1})
    return each(
        compare(PLAIN, kind, LAMBDA_MAX, region=Region(high=1.1), case="no flatter"),
        _early(kind, kind, NADAM, AS_WELL, "NAdam matches"),
        _early(kind, PLAIN, other, SMALL, "the other sign gains nothing"),
    )


comparisons = each(*map(_of, FREE), fading(FREE))
