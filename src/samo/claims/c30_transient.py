"""30. What sharpness gains after few updates is gone after many.

Each budget is a training with a schedule of its own. Tested for G-SAM, SAMO and F-MTL where they gain at the shortest
budget (else there is nothing to lose): the slope of the gain in Delta-m over the logarithm of the updates, seed by
seed, and the gain at the longest budget. Supported (*transient*): the slope is below 0, and the last gain within 0.3
points of none, by two one-sided tests: half the smallest gain of the papers on the Multi-MNIST family. Contradicted:
the gain grows, or lies outside of that at the end.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from samo.claims.comparison import Comparison, Region
from samo.claims.contrast import FMTL, GSAM, PLAIN, SAMO, Test, difference, each_dataset, pairs
from samo.claims.effects import of_seeds
from samo.claims.evidence import Evidence, Kind

SOURCE = "ours"
FADES, GONE = Region(high=0.0), Region(-0.3, 0.3)


def fading(kinds: Sequence[Kind]) -> Test:
    """Of each kind and place: how the gain changes with ten times the updates, and what is left at the last budget."""
    return each_dataset(lambda evidence, dataset: [c for kind in kinds for c in _fading(evidence, dataset, kind)])


def _fading(evidence: Evidence, dataset: str, kind: Kind) -> Iterator[Comparison]:
    for base, methods, missing in pairs(evidence, dataset, (PLAIN, kind)):
        rungs = {n: difference(at, dataset, *methods) for n, at in evidence.ladder.items()} if methods else {}
        gains = {n: gain for n, gain in rungs.items() if gain}
        lack = missing or f"{kind} and its base at several numbers of updates"
        slope = last = None
        none = ""
        if len(gains) > 1:
            if gains[min(gains)].positive:
                table = pd.concat({n: pd.Series(gain.by_seed) for n, gain in gains.items()}, axis=1, join="inner")
                slopes = np.polyfit(np.log10(list(gains)), table.T.to_numpy(float), 1)[0]
                slope, last = of_seeds(pd.Series(slopes, index=table.index)), gains[max(gains)]
            else:
                none = f"no gain after {min(gains)} updates"
        for effect, region, case in ((slope, FADES, "fades with updates"), (last, GONE, "gone at the last")):
            yield Comparison(
                *(dataset, effect, region, "Δm points", base, case, f"{dataset}-ladder", lack, str(kind), none),
                methods=methods,
            )


comparisons = fading((GSAM, SAMO, FMTL))
