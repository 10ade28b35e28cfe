"""The stage `toys`: walks over two pairs of losses on the plane, for every aggregator x sharpness."""

import pandas as pd
import torch

from samo.analysis import toys
from samo.study import config, paths, store
from samo.study.tables_stage import csv


def write_toys() -> pd.DataFrame:
    """Walk as the block `toys` of params.yaml says, and write data/analysis/toys; returns where the walks end.

    trajectories.csv holds the kept points, ends.csv where each walk ends, front.csv the Pareto fronts.
    """
    root, params = paths.root(), config.load()
    torch.set_num_threads(1)  # the plane is too small for more
    walked = toys.trajectories(params.toys)
    table = toys.ends(walked)
    with store.whole_folder(root / "data/analysis/toys") as out:
        store.write_text(out / "trajectories.csv", csv(walked))
        store.write_text(out / "ends.csv", csv(table))
        store.write_text(out / "front.csv", csv(toys.fronts()))
    return table
