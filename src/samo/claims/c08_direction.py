"""8. Layer normalisation keeps the direction that the estimate has.

Tested: cosine of the exact gradient of a task with its estimate by one direction at running statistics,
layer-normalised minus raw, over the whole trunk. Supported: above -0.01, a standard deviation of the cosine of two
random directions of 10,000 parameters. Contradicted: below that. What the estimate knows is little (claim 25);
normalisation cannot take much from it. The interval is over repeats with other batches and directions.
"""

from collections.abc import Callable, Sequence
from functools import partial

import pandas as pd

from samo.claims.comparison import Comparison, Region
from samo.claims.effects import Effect, minus, of_repeats
from samo.claims.evidence import Evidence

QUOTE = "preserves the directional information of the zeroth-order estimate"
SOURCE = "SAMO, method: layer-wise normalisation"
KEPT = Region(low=-0.01)


def estimates(
    evidence: Evidence,
    of: Callable[[pd.DataFrame], Effect | None],
    *,
    region: Region,
    lack: str,
    note: str = "",
    source: str = "trained",
) -> Sequence[Comparison]:
    """A comparison per network, of its estimates by one direction over the whole trunk.

    Args:
        evidence: whose probe is looked at.
        of: these rows -> the effect, or None.
        region: where it lies if the claim holds.
        lack: what is missing where no network has an effect.
        source: "trained" networks, or "training": along a short one.
        note: what is said beside the network's name; "{params}" is the number of its parameters.
    """
    probe, found = evidence.probe, []
    used = (probe["directions"] == 1) & (probe["source"] == source) & (probe["statistics"] == "running")
    for (dataset, method, seed), rows in probe[used].groupby(["dataset", "method", "seed"], sort=False):
        params = rows["params"].max()
        if effect := of(rows[rows["params"] == params]):
            told = f"{method}, seed {seed}" + note.format(params=params)
            found.append(Comparison(str(dataset), effect, region, "cosine", figure=f"{dataset}-probe", note=told))
    return found or [Comparison(dataset, None, missing=lack) for dataset in evidence.datasets]


def cosine(rows: pd.DataFrame, estimator: str, normalised: bool) -> Effect | None:
    """An estimator's cosine with the exact gradient; None where it was not measured, or not once."""
    row = rows[(rows["estimator"] == estimator) & (rows["layer_normalised"].astype(bool) == normalised)]
    if len(row) != 1:
        return None
    mean, low, high, n = row[["cosine", "cosine_low", "cosine_high", "n"]].iloc[0]
    return of_repeats(float(mean), float(low), float(high), int(n))


def more(rows: pd.DataFrame, first: tuple[str, bool], second: tuple[str, bool]) -> Effect | None:
    """How much more one (estimator, layer-normalised) knows than another; None where one was not measured."""
    ours, theirs = cosine(rows, *first), cosine(rows, *second)
    return minus(ours, theirs) if ours and theirs else None


comparisons = partial(
    estimates,
    of=partial(more, first=("spsa", True), second=("spsa", False)),
    region=KEPT,
    lack="cosines of one direction, raw and layer-normalised",
)
