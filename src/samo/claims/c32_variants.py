"""32. An adaptive alpha, ASAM's ball, LookSAM's rest and guided probes do no better than SAMO.

What SAMO's authors and Subramani name as open; LookSAM at its own k = 5. Tested, for each on the same aggregator, at
the longest budget that both have: by how much it gains over SAMO in Delta-m. Supported: less than half a point
(`contrast.MARGIN`), all four. Contradicted: one gains more.
"""

from functools import partial

from samo.claims.comparison import Comparison, Region
from samo.claims.contrast import MARGIN, SAMO, compare, each_dataset
from samo.claims.evidence import Evidence, Kind

SOURCE = "ours; named as open by SAMO"
NO_BETTER = Region(high=MARGIN)
VARIANTS = {
    "adaptive alpha": Kind("samo", {"alpha": "adaptive"}),
    "ASAM": Kind("samo", {"adaptive": True}),
    "LookSAM": Kind("samo", {"every": 5}),
    "guided probes": Kind("samo", {"estimator": "guided"}),
}


def _over_samo(evidence: Evidence, dataset: str) -> list[Comparison]:
    rungs = [(n, rung) for n, rung in sorted(evidence.ladder.items(), reverse=True) if rung.methods[dataset]]
    found = []
    for case, kind in VARIANTS.items():
        over = partial(compare, first=SAMO, second=kind, region=NO_BETTER, datasets=[dataset])
        tried = (over(rung, case=case if n == rungs[0][0] else f"{case}, {n:,} updates") for n, rung in rungs)
        found += next((own for own in tried if any(one.effect for one in own)), over(evidence, case=case))
    return found


comparisons = each_dataset(_over_samo)
