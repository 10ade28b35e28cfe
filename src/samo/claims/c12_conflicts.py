"""12. Conflicts vanish under F-MTL, and not without sharpness.

Tested: the share of mini-batches in which the tasks' loss gradients conflict, as counted during training, by
how much it changes over training (slope times length): its fall under F-MTL, and how much more it falls than under the
same aggregator without sharpness. Supported: both above 0. Equivalent: within 0.05, a tenth of the fall that the
paper's figure shows. Contradicted: one of them below 0.
"""

from collections.abc import Iterator

from samo.claims.contrast import FMTL, PLAIN, Comparison, Region, compare, each, each_dataset, places
from samo.claims.effects import of_seeds
from samo.claims.evidence import CONFLICT_CHANGE, Evidence

QUOTE = "The gradient conflict ratio approaches 0% as training progresses (vs. rising above 50% under standard ERM)."
SOURCE = "F-MTL, Figure 3"
FALLS = Region(low=0.0, alike=(-0.05, 0.05))


@each_dataset
def _fall(evidence: Evidence, dataset: str) -> Iterator[Comparison]:
    for place in places(evidence, dataset, (FMTL,)):
        change = CONFLICT_CHANGE.of(evidence, dataset, *place.methods) if place.methods else None
        effect = None if change is None else of_seeds(-change)
        lack = place.missing or f"{CONFLICT_CHANGE.name} of {place.methods[0]}"
        yield Comparison(dataset, effect, FALLS, "share", place.base, "falls under F-MTL", f"{dataset}-conflict", lack)


_more = compare(PLAIN, FMTL, CONFLICT_CHANGE, region=FALLS, case="falls more than without sharpness")
comparisons = each(_fall, _more)
