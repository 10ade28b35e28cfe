"""32. An adaptive alpha, ASAM's ball, LookSAM's rest and guided probes do no better than SAMO.

What SAMO's authors and Subramani name as open; LookSAM at its own k = 5. Tested, for each on the same aggregator, at
the longest budget that both have: by how much it gains over SAMO in Delta-m. Supported: less than half a point
(`contrast.MARGIN`), all four. Contradicted: one gains more.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from samo.claims.contrast import SAMO, SMALL, Comparison, compare
from samo.claims.evidence import Evidence, Kind

SOURCE = "ours; named as open by SAMO"
VARIANTS = {
    "adaptive alpha": Kind("samo", {"alpha": "adaptive"}),
    "ASAM": Kind("samo", {"adaptive": True}),
    "LookSAM": Kind("samo", {"every": 5}),
    "guided probes": Kind("samo", {"estimator": "guided"}),
}


def _over_samo(evidence: Evidence, dataset: str, case: str, kind: Kind) -> Sequence[Comparison]:
    rungs = [(n, rung) for n, rung in sorted(evidence.ladder.items(), reverse=True) if rung.methods[dataset]]
    over = partial(compare, SAMO, kind, region=SMALL, datasets=[dataset])
    tried = (over(case=case if n == rungs[0][0] else f"{case}, {n:,} updates")(rung) for n, rung in rungs)
    return next((own for own in tried if any(one.effect for one in own)), over(case=case)(evidence))


def comparisons(evidence: Evidence) -> list[Comparison]:
    found = []
    for case, kind in VARIANTS.items():
        own = [one for dataset in evidence.datasets for one in _over_samo(evidence, dataset, case, kind)]
        # A variant that a dataset lacks is the same case as where it is there.
        named = next((one.case for one in own if one.effect), case)
        found += [one if one.effect else replace(one, case=named) for one in own]
    return found
