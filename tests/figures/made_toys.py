"""Short walks over the toys, as the stage `toys` writes them."""

from functools import cache

import pandas as pd

from samo.analysis.toys import walks

SHORT = walks.Options(
    quadratics=walks.Walk(steps=7, lr=0.05, rho=0.3, every=3),
    valleys=walks.AdamWalk(steps=3, lr=0.1, rho=0.1, starts=[3, 1], beta1=0.5, beta2=0.9),
)


@cache
def made_walks() -> pd.DataFrame:
    """The kept points of every walk."""
    return walks.trajectories(SHORT)
