"""19. Only some layers (first, some middle, last) change their cosine much.

A layer is a module, weight and bias together; its movement is the range of its cosine between task gradients over the
evaluations (of its tensors, the mean). Tested on runs without sharpness: the movement of the third of the layers that
move most, in multiples of that of the rest ("only certain layers"; 1 if all move alike); that of the first, and of the
last layer, in multiples of the median layer's. Which layers move most is taken for each seed from the others: a top
third picked from its own noise always leads. Supported: all three above 1. Equivalent: within a quarter, one at least.
Contradicted: one below 1. Not testable on a network of fewer than ten layers: of three (LeNet), first, middle and last
are all.
"""

import math

import pandas as pd

from samo.claims.contrast import PLAIN, Comparison, Region, each_dataset, places
from samo.claims.effects import of_seeds
from samo.claims.evidence import Evidence

QUOTE = (
    "Only certain layers—specifically the first, some middle layers, and the last layers—showed more changes in "
    "cosine similarity"
)
SOURCE = "Subramani, Figures 2 and 3"
LEAST = 10
MORE = Region(low=1.0, alike=(0.8, 1.25))


@each_dataset
def comparisons(evidence: Evidence, dataset: str) -> list[Comparison]:
    if few := too_few(evidence, dataset):
        return [Comparison(dataset, untestable=few)]
    rows = evidence.last.layers[evidence.last.layers["dataset"] == dataset]
    found = []
    for place in places(evidence, dataset, (PLAIN,)):
        moved = movement(rows[rows["method"].isin(place.methods)])
        if len(moved) < 2:
            continue
        middle = moved.median(axis=1)
        for case, values in (
            ("most moved third", concentration(moved)),
            ("first layer", moved.iloc[:, 0] / middle),
            ("last layer", moved.iloc[:, -1] / middle),
        ):
            effect = of_seeds(values, ratio=True)
            found.append(Comparison(dataset, effect, MORE, "times", place.base, case, f"{dataset}-layers"))
    return found or [Comparison(dataset, missing="per-layer cosines, none on any aggregator, two seeds")]


def modules(tensors: pd.Series) -> pd.Series:
    """The module of each tensor: its name without the last part ("conv1.weight", "conv1.bias": conv1)."""
    return tensors.str.rsplit(".", n=1).str[0]


def too_few(evidence: Evidence, dataset: str) -> str:
    """Why sampled layers mean nothing on this network; empty where it has enough layers, or none was measured."""
    rows = evidence.last.layers[evidence.last.layers["dataset"] == dataset]
    n = modules(rows["layer"]).nunique() if len(rows) else LEAST
    return f"the trunk has {n} layers (modules), at least {LEAST} are needed" if n < LEAST else ""


def movement(rows: pd.DataFrame) -> pd.DataFrame:
    """Range of the cosine over the evaluations, [seed, layer], layers from first to last."""
    named = rows.assign(layer=modules(rows["layer"]), cosine=rows["cosine"].astype(float))
    order = named.drop_duplicates("layer").sort_values("position")["layer"]
    by_update = named.groupby(["seed", "layer", "update"], as_index=False)["cosine"].mean()
    ranges: pd.DataFrame = by_update.pivot_table("cosine", "seed", "layer", aggfunc=lambda c: c.max() - c.min())
    found: pd.DataFrame = ranges.reindex(columns=list(order))
    return found


def concentration(moved: pd.DataFrame) -> pd.Series:
    """Mean movement of the top third of the layers over that of the rest, the third as the other seeds have it."""
    top = math.ceil(moved.shape[1] / 3)
    found = {}
    for seed, own in moved.iterrows():
        chosen = moved.drop(index=[seed]).mean().nlargest(top).index
        rest = own.drop(chosen).mean()
        found[seed] = own[chosen].mean() / rest if rest > 0 else math.nan
    return pd.Series(found)
