"""Do the tasks pull the trunk in different directions, and does sharpness change that?"""

from collections.abc import Mapping

import pandas as pd

from samo.settings import Settings
from samo.tables import curves

BOUNDS = {"conflict_share": (0.0, 1.0)}
COLUMNS = ["method", "epoch", "metric", "mean", "low", "high", "n"]


class Options(Settings):
    """None: it reads what training wrote."""


def conflict(histories: Mapping[str, pd.DataFrame | None]) -> pd.DataFrame:
    """Agreement of task gradients per method and epoch, mean and 95 % interval over seeds.

    `histories` maps a method to its history (seed, epoch, split, task, metric, value) or None. The rows with
    split "probe" hold pairwise cosines of the task gradients over the trunk on a fixed set of training
    images, and conflict_share, the share of pairs with a negative cosine. Columns: method, epoch, metric, mean, low,
    high, n. Limits are cut to what the quantity can be: [-1, 1], or [0, 1] for a share.
    Methods without a shared trunk (STL) have no such rows.
    Source: the gradient-similarity figure of SAMO; F-MTL, Figure 3.
    """
    probes = {name: frame[frame["split"] == "probe"] for name, frame in histories.items() if frame is not None}
    table = curves({name: frame for name, frame in probes.items() if len(frame)})
    for metric, rows in table.groupby("metric"):
        low, high = BOUNDS.get(str(metric), (-1.0, 1.0))
        table.loc[rows.index, ["low", "high"]] = rows[["low", "high"]].clip(low, high)
    return table[COLUMNS]
