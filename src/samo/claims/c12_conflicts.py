"""12. Conflicts vanish under F-MTL, and not without sharpness.

Tested: the share of mini-batches in which the tasks' loss gradients conflict, as counted during training, by
how much it changes over training (slope times length): its fall under F-MTL, and how much more it falls than under the
same aggregator without sharpness. Supported: both above 0. Equivalent: within 0.05, a tenth of the fall that the
paper's figure shows. Contradicted: one of them below 0.
"""

from collections.abc import Iterator

from samo.claims.comparison import Comparison, Region
from samo.claims.contrast import FMTL, PLAIN, compare, each, each_dataset, pairs
from samo.claims.effects import of_seeds
from samo.claims.evidence import Evidence
from samo.claims.measures import CONFLICT_CHANGE

QUOTE = "The gradient conflict ratio approaches 0% as training progresses (vs. rising above 50% under standard ERM)."
SOURCE = "F-MTL, Figure 3"
FALLS = Region(low=0.0, alike=(-0.05, 0.05))


@each_dataset
def _fall(evidence: Evidence, dataset: str) -> Iterator[Comparison]:
    for base, methods, missing in pairs(evidence, dataset, (FMTL,)):
        change = CONFLICT_CHANGE.of(evidence, dataset, methods[0]) if methods else None
        effect = None if change is None else of_seeds(-change)
        lack = missing or f"{CONFLICT_CHANGE.name} of {methods[0]}"
        yield Comparison(dataset, effect, FALLS, "share", base, "falls under F-MTL", f"{dataset}-conflict", lack)


_more = compare(PLAIN, FMTL, CONFLICT_CHANGE, unit="share", region=FALLS, case="falls more than without sharpness")
comparisons = each(_fall, _more)
