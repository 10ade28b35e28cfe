"""19. "Only certain layers - the first, some middle layers, and the last - showed more changes in cosine similarity."

A layer's movement is the range of its cosine between task gradients over the epochs. Tests, on runs without
sharpness: the movement of the third of the layers that move most, in multiples of that of the rest, is above 2 ("only
certain layers"); that of the first, and of the last layer, in multiples of the median layer's, is above 1. True: all
three. False: one is below. Which layers move most is told for each seed by the other seeds, since a top third picked
from its own noise always leads.
"""

import math
from collections.abc import Iterator, Sequence

import pandas as pd

from samo.claims.contrast import PLAIN, pairs
from samo.claims.effects import Seeds
from samo.claims.evidence import Evidence
from samo.claims.rule import Comparison, Region

CLAIM = "Only some layers (first, some middle, last) change their cosine much"
SOURCE = "Subramani, Figures 2 and 3"
LEAST = 4
"""Layers, of fewer there is no third to tell apart."""


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    return [comparison for dataset in evidence.datasets for comparison in _comparisons(evidence, dataset)]


def _comparisons(evidence: Evidence, dataset: str) -> Iterator[Comparison]:
    rows = evidence.layers[evidence.layers["dataset"] == dataset]
    seen = False
    for base, methods, _ in pairs(evidence, dataset, (PLAIN,)):
        moved = movement(rows[rows["method"].isin(methods)])
        if moved.shape[1] < LEAST or len(moved) < 2:
            continue
        seen = True
        middle = moved.median(axis=1)
        for case, values, least in (
            ("most moved third", concentration(moved), 2.0),
            ("first layer", moved.iloc[:, 0] / middle, 1.0),
            ("last layer", moved.iloc[:, -1] / middle, 1.0),
        ):
            effect = Seeds(tuple(values), ratio=True)
            yield Comparison(dataset, effect, Region(low=least), "times", base, case, f"{dataset}-layers")
    if not seen:
        yield Comparison(
            dataset, None, missing=f"per-layer cosines of {LEAST} layers, none on any aggregator, two seeds"
        )


def movement(rows: pd.DataFrame) -> pd.DataFrame:
    """Range of the cosine over the epochs, [seed, layer], layers from first to last."""
    order = rows.drop_duplicates("layer").sort_values("position")["layer"]
    ranges = rows.astype({"cosine": float}).pivot_table(
        index="seed", columns="layer", values="cosine", aggfunc=lambda c: c.max() - c.min()
    )
    return ranges.reindex(columns=list(order))


def concentration(moved: pd.DataFrame) -> pd.Series:
    """Mean movement of the top third of the layers over that of the rest, the third as the other seeds have it."""
    top = math.ceil(moved.shape[1] / 3)
    found = {}
    for seed, own in moved.iterrows():
        chosen = moved.drop(index=[seed]).mean().nlargest(top).index
        rest = own.drop(chosen).mean()
        found[seed] = own[chosen].mean() / rest if rest > 0 else math.nan
    return pd.Series(found)
