"""15. Gaps between base methods narrow once all are flat.

Tested: variance of Delta-m over the aggregators that have both, with the seeds' noise taken out (the variance component
of a two-way layout, method by seed): that without sharpness minus that of the F-methods; the noise of that by the
jackknife over seeds. Methods that diverge under F-MTL (worse than their base by more than 10 points) are
left out and named: they are claim 11's matter. At least three aggregators. Supported: above 0. Equivalent: within 0.25
squared points, a spread of half a point; the paper's own tables give ratios of 0.97, 1.20 and 5.3. Contradicted: below
0. Not testable where the base methods do not differ beyond the noise.
"""

import math
from collections.abc import Iterator

import pandas as pd

from samo.claims.contrast import FMTL, MARGIN, PLAIN, Comparison, Region, each_dataset, places
from samo.claims.effects import of_seeds
from samo.claims.evidence import Evidence

QUOTE = "When flatness is incorporated into all methods, performance gaps among different MTL approaches narrow."
SOURCE = "F-MTL, Tables 1 to 4 and their discussion"
LEAST = 3
DIVERGED = 10.0
NARROWER = Region(low=0.0, alike=(-(MARGIN**2), MARGIN**2))


@each_dataset
def comparisons(evidence: Evidence, dataset: str) -> Iterator[Comparison]:
    known = evidence.delta_m[dataset]
    both = [place.methods for place in places(evidence, dataset, (PLAIN, FMTL)) if place.methods]
    whole = [pair for pair in both if not known[pair[1]].mean() - known[pair[0]].mean() > DIVERGED]
    if len(whole) < LEAST:
        yield Comparison(dataset, missing=f"none and fmtl on {LEAST} aggregators")
        return
    plain, flat = (pd.concat([known[pair[k]] for pair in whole], axis=1, join="inner") for k in (0, 1))
    note = f"over {len(whole)} aggregators" + "".join(f", without {p[1]}" for p in both if p not in whole)
    if not plain.isna().any().any() and spread(plain) <= 0:
        why = "the base methods differ by no more than the seeds' noise"
        yield Comparison(dataset, untestable=why, note=note)
        return
    effect = of_seeds(_jackknife(plain, flat))
    yield Comparison(dataset, effect, NARROWER, "squared Δm points", figure=f"{dataset}-forest", note=note)


def spread(values: pd.DataFrame) -> float:
    """Variance of Delta-m [seed, method] over methods, without the seeds' noise; below 0 where that explains it all."""
    n, k = values.shape
    rest = values.sub(values.mean(axis=1), axis=0).sub(values.mean(axis=0) - values.to_numpy().mean(), axis=1)
    noise = float((rest**2).to_numpy().sum()) / ((n - 1) * (k - 1))
    return float(values.mean(axis=0).var(ddof=1)) - noise / n


def _jackknife(plain: pd.DataFrame, flat: pd.DataFrame) -> pd.Series:
    """Pseudo-values by seed of the difference of the two spreads; NaN of fewer than three seeds."""
    seeds = plain.index.intersection(flat.index)
    n = len(seeds)
    if n < 3:
        return pd.Series(math.nan, index=seeds)
    whole, *less = (spread(plain.loc[kept]) - spread(flat.loc[kept]) for kept in (seeds, *map(seeds.drop, seeds)))
    return pd.Series([n * whole - (n - 1) * one for one in less], index=seeds)
