"""3. Neither G-SAM nor L-SAM wins everywhere.

Tested: Delta-m of the one minus that of the other in each place that has both, of which at least two are needed. Each
must be ahead somewhere: its largest lead over all places, with an interval that pays for looking in so many, is above
0. Supported: both leads are. Contradicted: one of them is below 0: the other wins everywhere. There is no margin: the
sentence is about order, not size.
"""

from collections.abc import Iterator
from dataclasses import replace

from samo.claims.contrast import GSAM, LSAM, POSITIVE, Comparison, compare, each
from samo.claims.effects import largest
from samo.claims.evidence import Evidence

QUOTE = "G-SAM and L-SAM each exhibit advantages depending on the method and dataset"
SOURCE = "SAMO, ablation of global and local perturbation"


@each
def comparisons(evidence: Evidence) -> Iterator[Comparison]:
    both = {f"{c.dataset} {c.base}": c.effect for c in compare(LSAM, GSAM)(evidence) if c.effect}
    for name, sign in (("G-SAM", 1), ("L-SAM", -1)):
        case, lack = f"{name} ahead somewhere", "gsam and lsam in two places (dataset, aggregator)"
        if len(both) < 2:
            yield Comparison("all together", case=case, missing=lack)
            continue
        where, lead = largest({place: replace(effect, value=sign * effect.value) for place, effect in both.items()})
        yield Comparison("all together", lead, POSITIVE, "Δm points", case=case, note=f"most in {where}")
