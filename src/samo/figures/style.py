"""The look of every figure, axes that serve the data, and a figure as SVG text that is the same on every run."""

import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from samo.figures.palette import GRID, INK, MUTED, colour, label
from samo.results.tables import text

WIDTH = 9.0
"""Inches of a full-width figure."""
LINE = 11.0
"""Points (1/72 inch) that a line of words takes."""
BEYOND = 4.0
"""A row that reaches further from zero than so many times the median row does not set the scale."""

Panels = list[list[Axes]]
Limits = tuple[float, float] | None


@contextmanager
def style() -> Iterator[None]:
    """Thin axes, no box, words left as words in the SVG, no date and no random ids."""
    rules: dict[Any, Any] = dict(sns.axes_style("ticks"))
    rules |= dict.fromkeys(("text.color", "axes.titlecolor"), INK)
    rules |= dict.fromkeys(("axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), MUTED)
    rules |= dict.fromkeys(("axes.spines.top", "axes.spines.right", "legend.frameon"), False)
    rules |= dict.fromkeys(("axes.unicode_minus", "axes.grid", "axes.axisbelow"), True)
    rules |= dict.fromkeys(("figure.facecolor", "axes.facecolor", "svg.fonttype"), "none")
    rules |= dict.fromkeys(("xtick.major.size", "ytick.major.size", "xtick.minor.size"), 0)
    rules |= {"font.family": ["sans-serif"], "font.sans-serif": ["DejaVu Sans"], "font.size": 9.5}
    rules |= {"axes.titlesize": 10.5, "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.linewidth": 0.7}
    rules |= {"grid.color": GRID, "grid.linewidth": 0.6, "svg.hashsalt": "samo"}
    with mpl.rc_context(rules):
        yield


def svg(draw: Callable[[], Figure]) -> str:
    """Draw in the study's style and return the SVG: the same text for the same data."""
    with style():
        out = io.StringIO()
        draw().savefig(out, format="svg", bbox_inches="tight", pad_inches=0.08, metadata={"Date": None})
    drawn = out.getvalue()
    return re.sub(r"[ \t]+$", "", drawn[drawn.index("<svg") :], flags=re.MULTILINE)


def grid(rows: int, columns: int, height: float, **options: Any) -> tuple[Figure, Panels]:
    """A full-width figure with rows x columns panels, each `height` inches high."""
    figure = Figure(figsize=(WIDTH, max(height * rows, 1.6)), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, [list(row) for row in panels]


def legend(figure: Figure, panels: Panels, columns: int = 7) -> None:
    """One legend under all panels, each entry once, in the order of first appearance, so many side by side."""
    seen: dict[str, Any] = {}
    for axes in (axes for row in panels for axes in row):
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            seen.setdefault(name, handle)
    if seen:
        figure.legend(list(seen.values()), list(seen), loc="outside lower left", ncols=columns)


def name_ends(axes: Axes, ends: Iterable[tuple[str, float, float]]) -> None:
    """The name of each sharpness beside the last point (x, y) of its line, none over another; instead of a legend.

    Call it when scales and limits stand; it makes room to the right.
    """
    places = [(placed(axes, x, y)[1], name, (x, y)) for name, x, y in ends]
    beyond = axes.bbox.x1 + 0.25 * axes.bbox.width
    axes.set_xlim(right=float(axes.transData.inverted().transform((beyond, axes.bbox.y0))[0]))
    free = np.inf
    for place, name, at in sorted(places, reverse=True):
        free = min(place, free - LINE)
        aside(axes, label(name), at, (9, free - place), color=colour(name), va="center", fontweight="bold")


def placed(axes: Axes, x: float, y: float) -> tuple[float, float]:
    """Where a point lies on the figure, in points (1/72 inch): by the limits as they are, before the final layout."""
    axes.get_xlim(), axes.get_ylim()  # the data's, where none were set
    across, up = 72 / axes.figure.dpi * axes.transData.transform((x, y))
    return float(across), float(up)


def headed(axes: Axes, words: str) -> None:
    """What the y axis shows, written level above it: nobody should turn the head."""
    axes.set_ylabel("")
    axes.text(0, 1.02, words, transform=axes.transAxes, ha="left", va="bottom", color=MUTED, fontsize=8.5)


def usual(rows: pd.DataFrame, name: str) -> Limits:
    """A range that shows most of column `name` with its _low and _high well; None where the axis shows all.

    A row beyond it is to be written out at the edge (`aside`).
    """
    if name not in rows or rows[name].notna().sum() < 3:
        return None
    ends = rows[[f"{name}_low", f"{name}_high", name]].dropna(subset=[name])
    reach = ends.abs().max(axis=1)
    kept = reach <= BEYOND * reach.median()
    if kept.all():
        return None
    low, high = min(0.0, float(ends[kept].min().min())), max(0.0, float(ends[kept].max().max()))
    margin = 0.08 * (high - low)
    return low - margin, high + margin


def aside(axes: Axes, words: str, at: tuple[float, float], by: tuple[float, float], **look: Any) -> None:
    """Words beside a point, so many points (1/72 inch) away from it."""
    axes.annotate(words, at, xytext=by, textcoords="offset points", **{"color": INK, "fontsize": "small"} | look)


def ticks(axes: Axes, values: Sequence[float], log: bool = True) -> None:
    """A tick at each of the ascending `values` and nowhere else, on a logarithmic axis where all are above 0."""
    if log and values[0] > 0:
        axes.set_xscale("log")
    axes.set_xticks(values, [text(value) for value in values])
    axes.xaxis.set_minor_locator(NullLocator())


def spoken_rows(rows: pd.DataFrame, name: str, *said: str) -> Iterable[str]:
    """Column `name` of each row with its limits, after the columns `said`: "ls 1.20 (0.80 to 1.60)"."""
    for row in rows[rows[name].notna()].to_dict("records") if name in rows else ():
        low, high = row[f"{name}_low"], row[f"{name}_high"]
        yield f"{' '.join(str(row[c]) for c in said)} {row[name]:.2f} ({low:.2f} to {high:.2f})"
