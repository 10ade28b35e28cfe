"""15. "When flatness is incorporated into all methods, performance gaps among different MTL approaches narrow."

Test: standard deviation of Delta-m over the aggregators that have both, seed by seed: how many times that of the
F-methods it is without sharpness. True: above 1.1; the tenth is a margin, since the noise of a run enters both
spreads and a shrinkage below that would be no narrowing that anybody sees. False: below 1.1. At least three
aggregators are needed.
"""

from collections.abc import Sequence

import pandas as pd

from samo.claims.contrast import FMTL, PLAIN, paired, pairs
from samo.claims.evidence import Evidence
from samo.claims.rule import Comparison, Region

CLAIM = "Gaps between base methods shrink once all are flat"
SOURCE = "F-MTL, Tables 1 to 4 and their discussion"
LEAST = 3


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    return [_comparison(evidence, dataset) for dataset in evidence.datasets]


def _comparison(evidence: Evidence, dataset: str) -> Comparison:
    both = [methods for _, methods, _ in pairs(evidence, dataset, (PLAIN, FMTL)) if methods]
    if len(both) < LEAST:
        return Comparison(dataset, None, missing=f"none and fmtl on {LEAST} aggregators")
    plain, flat = (_spread(evidence, dataset, [methods[k] for methods in both]) for k in (0, 1))
    effect = paired(plain, flat, ratio=True)
    lack = "" if effect else "runs on the same seeds"
    note = f"over {len(both)} aggregators"
    return Comparison(dataset, effect, Region(low=1.1), "times", figure=f"{dataset}-forest", missing=lack, note=note)


def _spread(evidence: Evidence, dataset: str, methods: Sequence[str]) -> pd.Series:
    """Standard deviation over methods, on the seeds that all have; NaN where a run diverged."""
    table = pd.concat([evidence.delta_m[dataset][method] for method in methods], axis=1, join="inner")
    found: pd.Series = table.std(axis=1, skipna=False)
    return found
