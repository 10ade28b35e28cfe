"""8. Layer normalisation keeps what the estimate knows of a gradient's direction.

Tested: cosine of the exact gradient of a task with its estimate by one direction at running statistics,
layer-normalised minus raw, over the whole trunk. Supported: above -0.01, a standard deviation of the cosine of two
random directions of 10,000 parameters. Contradicted: below that. What the estimate knows is little (claim 25);
normalisation cannot take much from it. The interval is over repeats with other batches and directions.
"""

from collections.abc import Iterator, Sequence

import pandas as pd

from samo.claims.comparison import Comparison, Region
from samo.claims.effects import Effect, of_repeats
from samo.claims.evidence import Evidence

CLAIM = "Layer normalisation keeps the direction that the estimate has"
QUOTE = "preserves the directional information of the zeroth-order estimate"
SOURCE = "SAMO, method: layer-wise normalisation"
KEPT = Region(low=-0.01)


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    found = []
    for dataset, method, seed, rows in estimates(evidence):
        normalised, raw = (cosine(rows, "spsa", how) for how in (True, False))
        if normalised and raw:
            effect = minus(normalised, raw)
            case_note = f"{method}, seed {seed}"
            found.append(Comparison(dataset, effect, KEPT, "cosine", figure=f"{dataset}-probe", note=case_note))
    lack = "cosines of one direction, raw and layer-normalised"
    return found or [Comparison(dataset, None, missing=lack) for dataset in evidence.datasets]


def estimates(evidence: Evidence) -> Iterator[tuple[str, str, int, pd.DataFrame]]:
    """(dataset, method, seed, rows): the estimates by one direction over the whole trunk of each trained network."""
    probe = evidence.probe
    used = (probe["directions"] == 1) & (probe["source"] == "trained") & (probe["statistics"] == "running")
    for (dataset, method, seed), rows in probe[used].groupby(["dataset", "method", "seed"], sort=False):
        yield str(dataset), str(method), int(str(seed)), rows[rows["params"] == rows["params"].max()]


def cosine(rows: pd.DataFrame, estimator: str, normalised: bool) -> Effect | None:
    """An estimator's cosine with the exact gradient; None where it was not measured, or not once."""
    row = rows[(rows["estimator"] == estimator) & (rows["layer_normalised"].astype(bool) == normalised)]
    if len(row) != 1:
        return None
    mean, low, high = (float(row[name].iloc[0]) for name in ("cosine", "cosine_low", "cosine_high"))
    return of_repeats(mean, low, high, int(row["n"].iloc[0]))


def minus(first: Effect, second: Effect) -> Effect:
    """The difference of two that were measured apart."""
    (a, freedom), (b, other) = first.errors[0], second.errors[0]
    return Effect(first.value - second.value, (((a**2 + b**2) ** 0.5, min(freedom, other)),))
