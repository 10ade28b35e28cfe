"""3. Neither G-SAM nor L-SAM wins everywhere.

Tested: Delta-m of the one minus that of the other in each place that has both, of which at least two are needed. Each
must be ahead somewhere: its largest lead over all places, with an interval that pays for looking in so many, is above
0. Supported: both leads are. Contradicted: one of them is below 0: the other wins everywhere. There is no margin: the
sentence is about order, not size.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from samo.claims.comparison import Comparison, Region
from samo.claims.contrast import GSAM, LSAM, compare, each
from samo.claims.effects import largest
from samo.claims.evidence import Evidence

QUOTE = "G-SAM and L-SAM each exhibit advantages depending on the method and dataset"
SOURCE = "SAMO, ablation of global and local perturbation"


def _somewhere(evidence: Evidence, name: str, sign: int) -> Sequence[Comparison]:
    case, found = f"{name} ahead somewhere", [c for c in compare(LSAM, GSAM)(evidence) if c.effect]
    leads = {f"{c.dataset} {c.base}": replace(c.effect, value=sign * c.effect.value) for c in found if c.effect}
    if len(leads) < 2:
        lack = "gsam and lsam in two places (dataset, aggregator)"
        return [Comparison("all together", None, case=case, missing=lack)]
    where, effect = largest(leads)
    return [Comparison("all together", effect, Region(low=0.0), "Δm points", case=case, note=f"most in {where}")]


comparisons = each(partial(_somewhere, name="G-SAM", sign=1), partial(_somewhere, name="L-SAM", sign=-1))
