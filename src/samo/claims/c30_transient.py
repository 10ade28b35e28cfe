"""30. What sharpness gains after few updates is gone after many.

Each budget is a training with a schedule of its own. Tested for G-SAM, SAMO and F-MTL where they gain at the shortest
budget (else there is nothing to lose): the slope of the gain in Delta-m over the logarithm of the updates, seed by
seed, and the gain at the longest budget. Supported (*transient*): the slope is below 0, and the last gain within 0.3
points of none, by two one-sided tests: half the smallest gain of the papers on the Multi-MNIST family. Contradicted:
the gain grows, or lies outside of that at the end.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd

from samo.claims.comparison import Comparison, Region
from samo.claims.contrast import FMTL, GSAM, PLAIN, SAMO, difference, pairs
from samo.claims.effects import of_seeds
from samo.claims.evidence import Evidence, Kind
from samo.results.stats import LEVEL

SOURCE = "ours"
FADES, GONE = Region(high=0.0), Region(-0.3, 0.3)


def fading(evidence: Evidence, kinds: Sequence[Kind]) -> list[Comparison]:
    """Of each kind and place: how the gain changes with ten times the updates, and what is left at the last budget."""
    return [c for dataset in evidence.datasets for kind in kinds for c in _fading(evidence, dataset, kind)]


def _fading(evidence: Evidence, dataset: str, kind: Kind) -> list[Comparison]:
    found = []
    for base, methods, missing in pairs(evidence, dataset, (PLAIN, kind)):
        rungs = {n: difference(at, dataset, *methods) for n, at in evidence.ladder.items()} if methods else {}
        gains = {n: gain for n, gain in rungs.items() if gain and gain.by_seed}
        lack = missing or ("" if len(gains) > 1 else f"{kind} and its base at several numbers of updates")
        slope = last = None
        if not lack:
            table = pd.DataFrame({n: gain.by_seed for n, gain in gains.items()})
            whole = table.loc[sorted(set.intersection(*(set(gain.by_seed or ()) for gain in gains.values())))]
            slopes = np.polyfit(np.log10(list(gains)), whole.T.to_numpy(float), 1)[0]
            slope, last = of_seeds(pd.Series(slopes, index=whole.index)), gains[max(gains)]
        none = "" if lack or gains[min(gains)].above(0.0) < (1 - LEVEL) / 2 else f"no gain after {min(gains)} updates"
        for effect, region, case in ((slope, FADES, "fades with updates"), (last, GONE, "gone at the last")):
            effect = None if none else effect
            found.append(
                Comparison(
                    *(dataset, effect, region, "Δm points", base, case, f"{dataset}-ladder", lack, str(kind), none),
                    methods=methods,
                )
            )
    return found


comparisons = partial(fading, kinds=(GSAM, SAMO, FMTL))
