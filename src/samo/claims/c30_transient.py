"""30. What sharpness gains after few updates is gone after many.

Each budget is a training with a schedule of its own. Tested for G-SAM, SAMO and F-MTL where they gain at the shortest
budget (else there is nothing to lose): the slope of the gain in Delta-m over the logarithm of the updates, seed by
seed, and the gain at the longest budget. Supported (*transient*): the slope is below 0, and the last gain within 0.3
points of none, by two one-sided tests: half the smallest gain of F-MTL's Table 1 on Multi-MNIST. Contradicted:
the gain grows, or lies outside of that at the end.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from samo.claims.contrast import FMTL, GSAM, PLAIN, SAMO, Comparison, Region, Test, difference, each_dataset, places
from samo.claims.effects import of_seeds
from samo.claims.evidence import Evidence, Kind

SOURCE = "ours"
FADES, GONE = Region(high=0.0), Region(-0.3, 0.3)


def fading(kinds: Sequence[Kind]) -> Test:
    """Of each kind and place: how the gain changes with ten times the updates, and what is left at the last budget."""

    def test(evidence: Evidence, dataset: str) -> Iterator[Comparison]:
        for kind in kinds:
            for place in places(evidence, dataset, (PLAIN, kind)):
                yield from _fading(evidence, place, str(kind))

    return each_dataset(test)


def _fading(evidence: Evidence, place: Comparison, kind: str) -> Iterator[Comparison]:
    gains, slope, last, none = {}, None, None, ""
    for n, rung in evidence.ladder.items() if place.methods else ():
        if gain := difference(rung, place.dataset, *place.methods):
            gains[n] = gain
    if len(gains) > 1 and not gains[min(gains)].positive:
        none = f"no gain after {min(gains)} updates"
    elif len(gains) > 1:
        table = pd.concat({n: pd.Series(gain.by_seed) for n, gain in gains.items()}, axis=1, join="inner")
        slopes = np.polyfit(np.log10(list(gains)), table.T.to_numpy(float), 1)[0]
        slope, last = of_seeds(pd.Series(slopes, index=table.index)), gains[max(gains)]
    lack = place.missing or f"{kind} and its base at several numbers of updates"
    found = replace(place, unit="Δm points", figure=f"{place.dataset}-ladder", missing=lack, note=kind, untestable=none)
    yield replace(found, effect=slope, region=FADES, case="fades with updates")
    yield replace(found, effect=last, region=GONE, case="gone at the last")


comparisons = fading((GSAM, SAMO, FMTL))
