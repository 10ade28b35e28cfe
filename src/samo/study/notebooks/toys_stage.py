"""The stage `toys`: walks over two pairs of losses on the plane, for every aggregator x sharpness."""

from pathlib import Path
from typing import cast

import pandas as pd
import torch

from samo.analysis.toys import walks
from samo.study import config, paths, store
from samo.study.notebooks.tables_stage import TOYS, csv


def write_toys() -> pd.DataFrame:
    """Walk as the block `toys` of params.yaml says, and write the walks; returns where they end."""
    torch.set_num_threads(1)  # the plane is too small for more
    return write_walks(paths.root(), walks.trajectories(cast("walks.Options", config.load().options("toys"))))


def write_walks(root: Path, walked: pd.DataFrame) -> pd.DataFrame:
    """Write data/analysis/toys whole; returns where the walks end.

    trajectories.csv holds the kept points, ends.csv where each walk ends, front.csv the Pareto fronts.
    """
    table = walks.ends(walked)
    with store.whole_folder(root / TOYS) as out:
        store.write_text(out / "trajectories.csv", csv(walked))
        store.write_text(out / "ends.csv", csv(table))
        store.write_text(out / "front.csv", csv(walks.fronts()))
    return table
