"""Axes that serve the data: a range that most of it fills, and a tick at each value that was tried."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from samo.results.tables import text

BEYOND = 4.0
"""A row that reaches further from zero than so many times the median row does not set the scale."""


def usual(rows: pd.DataFrame, name: str) -> tuple[float, float] | None:
    """A range that shows most of column `name` with its _low and _high well; None where the axis shows all.

    A row beyond it is to be written out at the edge.
    """
    if name not in rows or rows[name].notna().sum() < 3:
        return None
    ends = rows[[f"{name}_low", f"{name}_high", name]].dropna(subset=[name])
    reach = ends.abs().max(axis=1)
    kept = reach <= BEYOND * reach.median()
    if kept.all():
        return None
    shown = ends[kept]
    low, high = min(0.0, float(shown.min().min())), max(0.0, float(shown.max().max()))
    margin = 0.08 * (high - low)
    return low - margin, high + margin


def ticks(axes: Axes, values: Sequence[float], log: bool = True) -> None:
    """A tick at each of the ascending `values` and nowhere else, on a logarithmic axis where all are above 0."""
    if log and values[0] > 0:
        axes.set_xscale("log")
    axes.set_xticks(values, [text(value) for value in values])
    axes.xaxis.set_minor_locator(NullLocator())
