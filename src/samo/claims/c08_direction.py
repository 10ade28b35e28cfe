"""8. Layer normalisation keeps the direction that the estimate has.

Tested: cosine of the exact gradient of a task with its estimate by one direction at running statistics,
layer-normalised minus raw, over the whole trunk. Supported: above -0.01, a standard deviation of the cosine of two
random directions of 10,000 parameters. Contradicted: below that. What the estimate knows is little (claim 25);
normalisation cannot take much from it. The interval is over repeats with other batches and directions.
"""

from collections.abc import Sequence
from functools import reduce

import pandas as pd

from samo.claims.contrast import Comparison, Region, Test
from samo.claims.effects import Effect, minus, of_repeats
from samo.claims.evidence import Evidence

QUOTE = "preserves the directional information of the zeroth-order estimate"
SOURCE = "SAMO, method: layer-wise normalisation"


def estimates(
    *estimators: tuple[str, bool], region: Region, lack: str, note: str = "", source: str = "trained"
) -> Test:
    """A comparison per network, of its estimates by one direction over the whole trunk.

    Args:
        estimators: (name, layer-normalised): the cosine of one, or by how much that of the first exceeds the second's.
        region: where the effect lies if the claim holds.
        lack: what is missing where no network has an effect.
        note: what is said beside the network's name; "{params}" is the number of its parameters.
        source: "trained" networks, or "training": along a short one.
    """

    def test(evidence: Evidence) -> Sequence[Comparison]:
        probe, found = evidence.probe, []
        used = (probe["directions"] == 1) & (probe["source"] == source) & (probe["statistics"] == "running")
        for (dataset, method, seed), rows in probe[used].groupby(["dataset", "method", "seed"], sort=False):
            params = rows["params"].max()
            whole = rows[rows["params"] == params]
            known = [cosine for one in estimators if (cosine := _cosine(whole, *one))]
            if len(known) == len(estimators):
                effect, told = reduce(minus, known), f"{method}, seed {seed}" + note.format(params=params)
                found.append(Comparison(str(dataset), effect, region, "cosine", figure=f"{dataset}-probe", note=told))
        return found or [Comparison(dataset, missing=lack) for dataset in evidence.datasets]

    return test


def _cosine(rows: pd.DataFrame, estimator: str, normalised: bool) -> Effect | None:
    """An estimator's cosine with the exact gradient; None where it was not measured, or not once."""
    row = rows[(rows["estimator"] == estimator) & (rows["layer_normalised"].astype(bool) == normalised)]
    return of_repeats(*row[["cosine", "cosine_low", "cosine_high", "n"]].iloc[0]) if len(row) == 1 else None


comparisons = estimates(
    ("spsa", True),
    ("spsa", False),
    region=Region(low=-0.01),
    lack="cosines of one direction, raw and layer-normalised",
)
