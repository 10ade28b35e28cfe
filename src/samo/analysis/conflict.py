"""Do the tasks pull the trunk in different directions, and does sharpness change that?"""

from collections.abc import Mapping

import pandas as pd

from samo.results.tables import curves
from samo.training.settings import Settings

BOUNDS = dict.fromkeys(("conflict_share", "minibatch_conflict", "magnitude_ratio"), (0.0, 1.0))
COLUMNS = ["method", "update", "metric", "mean", "low", "high", "n"]


class Options(Settings):
    """None: it reads what training wrote."""


def conflict(histories: Mapping[str, pd.DataFrame | None]) -> pd.DataFrame:
    """Agreement of task gradients per method and update, mean and 95 % interval over seeds.

    `histories` maps a method to its history (seed, update, split, task, metric, value) or None. Its rows with split
    "probe" are of a fixed set of training images: pairwise cosines of the task gradients over the trunk,
    conflict_share, the share of pairs with a negative cosine, and magnitude_ratio, the shortest task gradient's length
    over the longest's. minibatch_conflict is the share of conflict on training mini-batches before their step. Columns:
    method, update, metric, mean, low, high, n. Limits are cut to what the quantity can be: [-1, 1] for a cosine, else
    [0, 1]. Methods without a shared trunk (STL) have no such rows.
    Source: the gradient-similarity figure of SAMO; F-MTL, Figure 3.
    """
    whole = {name: frame for name, frame in histories.items() if frame is not None}
    noted = {name: h[(h["split"] == "probe") | (h["metric"] == "minibatch_conflict")] for name, h in whole.items()}
    table = curves({name: frame for name, frame in noted.items() if len(frame)})
    for metric, rows in table.groupby("metric"):
        low, high = BOUNDS.get(str(metric), (-1.0, 1.0))
        table.loc[rows.index, ["low", "high"]] = rows[["low", "high"]].clip(low, high)
    return table[COLUMNS]
