"""Short trajectories on the toys, as the stage `toys` writes them."""

from functools import cache
from pathlib import Path

import pandas as pd

from samo.analysis.toys import trajectories
from samo.study import store

SHORT = trajectories.Options(
    quadratics=trajectories.Descent(steps=7, lr=0.05, rho=0.3, every=3),
    valleys=trajectories.AdamDescent(steps=3, lr=0.1, rho=0.1, starts=[3, 1], beta1=0.5, beta2=0.9),
)


@cache
def made_trajectories() -> pd.DataFrame:
    """The kept points of every trajectory."""
    return trajectories.trajectories(SHORT)


def write_toys(root: Path, paths: pd.DataFrame) -> None:
    """As notebooks/toys.ipynb writes them."""
    frames = {"trajectories": paths, "ends": trajectories.ends(paths), "front": trajectories.fronts()}
    store.write_frames(root / "data/analysis/toys", frames)
