"""34. Sharpness gains only over a base whose learning rate was not tuned.

Tested for G-SAM and SAMO where a profile has them with their base at the papers' learning rate of 0.001 beside the
searched one: the gain in Delta-m at 0.001, and at the searched rate. Supported: the first above 0, the second within
half a point (`contrast.MARGIN`), by two one-sided tests. Equivalent: the first lies within half a point, too: there is
no gain to explain. Contradicted: the first below 0, or the second outside of the margin.
"""

from collections.abc import Iterator
from dataclasses import replace

from samo.claims.contrast import ALIKE, GSAM, PLAIN, SAMO, Comparison, compare, each_dataset
from samo.claims.evidence import Evidence

SOURCE = "ours; seen in a pilot"
PAPERS = "lr 0.001"
"""The papers' learning rate, as a method's optimiser."""


@each_dataset
def comparisons(evidence: Evidence, dataset: str) -> Iterator[Comparison]:
    if not any(method.plain and method.optimizer == PAPERS for method in evidence.methods[dataset]):
        yield Comparison(dataset, missing=f"a base at {PAPERS} beside the searched one")
        return
    for kind in (GSAM, SAMO):
        plain, own = (replace(one, optimizer=PAPERS) for one in (PLAIN, kind))
        yield from compare(plain, own, case=f"{kind} at {PAPERS}", datasets=[dataset])(evidence)
        yield from compare(PLAIN, kind, region=ALIKE, case=f"{kind} at the searched lr", datasets=[dataset])(evidence)
