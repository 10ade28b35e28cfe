"""Which layers change their mind: the tasks' agreement on each layer over training, and a choice of layers from it."""

from collections.abc import Mapping
from typing import Annotated

import pandas as pd
from pydantic import Field

from samo.analysis.parts.method_filter import Aggregators, MethodFilter, Presets
from samo.results.stats import summarise
from samo.training.settings import Count

COLUMNS = ["method", "update", "layer", "position", "mean", "low", "high", "n", "chosen"]


class Options(MethodFilter):
    """Whose training is looked at.

    Attributes:
        aggregators: MGDA and CAGrad, as in Subramani's figures; those that the profile lacks are left out.
        sharpness: presets.
        choose: how many layers are chosen for the preset samo-sampled.
    """

    aggregators: Annotated[Aggregators, Field(min_length=1)] = Field(default_factory=lambda: ["mgda", "cagrad"])
    sharpness: Annotated[Presets, Field(min_length=1)] = Field(default_factory=lambda: ["none"])
    choose: Count = 3


def layers(found: Mapping[str, pd.DataFrame | None], choose: int) -> pd.DataFrame:
    """Agreement of task gradients per method, update and layer, mean and 95 % interval over seeds.

    `found` maps a method to its layers.csv (seed, update, layer, position, cosine) or None: mean cosine over pairs of
    tasks on one tensor of the trunk, on a fixed set of training images; update 0 is before training. Columns: method,
    update, layer, position (0 the trunk's first tensor, 1 its last), mean, low, high, n, and chosen: whether the layer
    is among the first `choose` of `ranking`. Limits are cut to [-1, 1].
    Source: Subramani, Figures 2 and 3, there for two tasks of CelebA, with no rule or number for the choice.
    """
    frames = [frame.assign(method=name) for name, frame in found.items() if frame is not None]
    if not frames:
        return pd.DataFrame(columns=COLUMNS)
    values = pd.concat(frames, ignore_index=True).rename(columns={"cosine": "value"})
    table = summarise(values, ["method", "update", "layer", "position"])
    table[["low", "high"]] = table[["low", "high"]].clip(-1, 1)
    return table.assign(chosen=table["layer"].isin(ranking(table)["layer"].head(choose)))[COLUMNS]


def ranking(table: pd.DataFrame) -> pd.DataFrame:
    """The layers of a table of `layers` by how much their cosine moves over training: layer, position, movement.

    Movement is the largest minus the smallest mean over seeds among the evaluations, the start included, averaged over
    methods. It comes in descending order; of equals, the one nearer to the input is first. Small tensors swing more by
    chance alone: directions without any relation have cosines of spread 1 / sqrt(P) in P dimensions.
    """
    means = table.groupby(["method", "layer", "position"])["mean"]
    moved = (means.max() - means.min()).groupby(["layer", "position"]).mean().rename("movement").reset_index()
    return moved.sort_values(["movement", "position"], ascending=[False, True], ignore_index=True)
