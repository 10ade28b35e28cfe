"""34. Sharpness gains only over a base whose learning rate was not tuned.

Tested for G-SAM and SAMO where a profile has them with their base at a given learning rate (the papers' 0.001) beside
the searched one: the gain in Delta-m at the given rate, and at the searched one. Supported: the first above 0, the
second within half a point (`contrast.MARGIN`), by two one-sided tests. Equivalent: the first lies within half a point,
too: there is no gain to explain. Contradicted: the first below 0, or the second outside of the margin.
"""

from collections.abc import Iterator
from functools import partial

from samo.claims.comparison import Comparison
from samo.claims.contrast import ALIKE, GAIN, GSAM, PLAIN, SAMO, compare, each_dataset
from samo.claims.evidence import Evidence, Kind

SOURCE = "ours; seen in a pilot"


def _comparisons(evidence: Evidence, dataset: str) -> Iterator[Comparison]:
    known = evidence.methods[dataset]
    given = list(dict.fromkeys(m.optimizer for m in known if m.plain and m.at_own_rate))
    here = partial(compare, evidence, datasets=[dataset])
    for kind in (GSAM, SAMO):
        for rate in given:
            plain, own = (Kind(one.sharpness, optimizer=rate) for one in (PLAIN, kind))
            yield from here(plain, own, region=GAIN, case=f"{kind} at {rate}")
        if given:
            yield from here(PLAIN, kind, region=ALIKE, case=f"{kind} at the searched lr")
    if not given:
        yield Comparison(dataset, None, missing="a base at a given learning rate beside the searched one")


comparisons = each_dataset(_comparisons)
