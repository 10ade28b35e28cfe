"""The look of every figure, axes that serve the data, and a figure as SVG text that is the same on every run."""

import io
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, cast

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from scipy.optimize import isotonic_regression

from samo.figures.palette import GRID, INK, MUTED, colour, label
from samo.results.tables import text

WIDTH = 9.0  # inches of a full-width figure
NARROW = 6.4  # of one with a single column of panels: it is read on a telephone, too
LINE = 11.0  # points (1/72 inch) that a line of words takes
LETTER = 5.4  # points that a letter of a bold small name takes
MANY = 8  # so many lines are told apart by a legend
ABREAST = 4  # of more panels side by side than so many, none has room for names
BEYOND = 4.0  # a row that reaches further from zero than so many times the median row does not set the scale

Panels = list[list[Axes]]
Point = tuple[float, float]
Limits = tuple[float, float] | None


def style() -> AbstractContextManager[None]:
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
    return mpl.rc_context(rules)


def svg(draw: Callable[[], Figure]) -> str:
    """Draw in the study's style and return the SVG: the same text for the same data."""
    with style():
        out = io.StringIO()
        draw().savefig(out, format="svg", bbox_inches="tight", pad_inches=0.08, metadata={"Date": None})
    drawn = out.getvalue()
    return re.sub(r"[ \t]+$", "", drawn[drawn.index("<svg") :], flags=re.MULTILINE)


def grid(rows: int, columns: int, height: float, **options: Any) -> tuple[Figure, Panels]:
    """A figure with rows x columns panels, each `height` inches high; one column alone is narrower than the page."""
    width = WIDTH if columns > 1 else NARROW
    figure = Figure(figsize=(width, max(height * rows, 1.6)), layout="constrained")
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


def named(figure: Figure, panels: Panels) -> None:
    """The name of each line of the first row beside its end; one legend for `MANY` lines or narrow panels."""
    found = []
    for axes in panels[0]:
        seen = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
        points = {name: line.get_xydata()[np.isfinite(line.get_ydata())] for name, line in seen.items()}
        ends = [(name, str(seen[name].get_color()), *of[-1]) for name, of in points.items() if len(of)]
        found.append([end for end in ends if axes.get_ylim()[0] <= end[-1] <= axes.get_ylim()[1]])
    if max(map(len, found)) >= MANY or len(panels[0]) > ABREAST:
        legend(figure, panels)
        return
    _settle(figure)
    every = [name for ends in found for name, *_ in ends]
    first, *others = panels[0]
    shared = first.get_shared_x_axes()
    for axes in [first, *(axes for axes in others if not shared.joined(first, axes))]:
        _room(axes, every)
    for axes, ends in zip(panels[0], found, strict=True):
        _names(axes, ends)


def name_ends(axes: Axes, ends: Iterable[tuple[str, float, float]]) -> None:
    """Each sharpness's name beside the last point (x, y) of its line, none over another; call it once limits stand."""
    found = [(label(name), colour(name), x, y) for name, x, y in ends]
    _settle(axes.get_figure(root=True))
    _room(axes, [name for name, *_ in found])
    _names(axes, found)


def apart(points: pd.DataFrame, x: str) -> pd.DataFrame:
    """Points of one place stand side by side, by some per cent of it, so that no interval hides another."""
    placed = points.assign(place=points[x].round(6))
    same = placed.groupby("place")[x]
    return placed.assign(**{x: placed[x] * 1.03 ** (same.cumcount() - (same.transform("count") - 1) / 2)})


def until(line: Line2D, x: float) -> None:
    """End a horizontal line of the whole panel at this x, beyond which the names stand; call it once limits stand."""
    axes = cast("Axes", line.axes)
    line.set_xdata([0, axes.transAxes.inverted().transform(axes.transData.transform((x, 0)))[0]])


def _settle(figure: Figure | None) -> None:
    """Give the panels the places that the layout will give them, so that distances on the page can be told."""
    if figure is not None and (layout := figure.get_layout_engine()) is not None:
        layout.execute(figure)


def _room(axes: Axes, names: Iterable[str]) -> None:
    """Make room for names to the right of the data; nothing is counted there."""
    places, last = axes.get_xticks(), axes.get_xlim()[1]
    width = axes.bbox.width * 72 / axes.figure.dpi
    share = min((LETTER * max(map(len, names), default=0) + 14) / width, 0.5)
    beyond = axes.bbox.x0 + axes.bbox.width / (1 - share)
    axes.set_xlim(right=float(axes.transData.inverted().transform((beyond, axes.bbox.y0))[0]))
    axes.set_xticks([place for place in places if axes.get_xlim()[0] <= place <= last])


def _names(axes: Axes, ends: Sequence[tuple[str, str, float, float]]) -> None:
    """Names (with colour and point) a line apart, as near to their points as that lets them, within the panel."""
    if not ends:
        return
    right = max(x for *_, x, _ in ends)
    places = sorted(((_placed(axes, x, y)[1], name, shade, (x, y)) for name, shade, x, y in ends), reverse=True)
    low, high = (72 / axes.figure.dpi * edge for edge in (axes.bbox.y0, axes.bbox.y1))
    steps = LINE * np.arange(len(places))
    wanted = isotonic_regression(np.array([place for place, *_ in places]) + steps, increasing=False).x
    at = np.clip(wanted, low + LINE + steps[-1], high - LINE) - steps
    for up, (place, name, shade, (x, y)) in zip(at, places, strict=True):
        line = {"arrowstyle": "-", "color": shade, "linewidth": 0.6, "shrinkA": 1, "shrinkB": 3, "relpos": (0, 0.5)}
        by = (9 + _placed(axes, right, y)[0] - _placed(axes, x, y)[0], up - place)
        aside(axes, name, (x, y), by, color=shade, va="center", fontweight="bold", arrowprops=line)


def _placed(axes: Axes, x: float, y: float) -> tuple[float, float]:
    """Where a point lies on the figure, in points (1/72 inch): by the limits as they are, before the final layout."""
    axes.get_xlim(), axes.get_ylim()  # the data's, where none were set
    across, up = 72 / axes.figure.dpi * axes.transData.transform((x, y))
    return float(across), float(up)


def headed(axes: Axes, words: str) -> None:
    """What the y axis shows, written horizontally above it, so that nobody has to turn their head."""
    axes.set_ylabel("")
    axes.text(0, 1.02, words, transform=axes.transAxes, ha="left", va="bottom", color=MUTED, fontsize=8.5)


def usual(rows: pd.DataFrame, name: str) -> Limits:
    """A range that shows most of column `name` with its _low and _high well; None where the axis can show all."""
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


def aside(axes: Axes, words: str, at: Point, by: Point, **look: Any) -> None:
    """Words beside a point, offset from it by `by` points (1/72 inch)."""
    axes.annotate(words, at, xytext=by, textcoords="offset points", **{"color": INK, "fontsize": "small"} | look)


def arrow(axes: Axes, start: Point, tip: Point, shade: str, **look: Any) -> None:
    """An arrow from one point to another."""
    drawn = {"arrowstyle": "-|>", "color": shade, "shrinkA": 0, "shrinkB": 0} | look
    axes.annotate("", xy=tip, xytext=start, arrowprops=drawn, annotation_clip=False)


def at_edge(axes: Axes, words: str, at: Point, limits: Point, **look: Any) -> None:
    """Words of a point above or below the scale's limits, with an arrow, at the edge that it lies beyond."""
    up = bool(at[1] > limits[1])
    side = {"ha": "center", "va": "top" if up else "bottom"}
    aside(axes, f"{words} {'↑' if up else '↓'}", (at[0], limits[up]), (0, -3 if up else 3), **side | look)


def ticks(axes: Axes, values: Sequence[float], log: bool = True) -> None:
    """A tick at each of the ascending `values` and nowhere else, on a logarithmic axis where all are above 0."""
    if log and values[0] > 0:
        axes.set_xscale("log")
    axes.set_xticks(values, [text(value) for value in values])
    axes.xaxis.set_minor_locator(NullLocator())


def plain_log(axis: Axis) -> None:
    """Numbers as people write them on a logarithmic axis, none over another."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 3) if high > 100 * low else (1, 2, 5), numticks=8))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.12g}"))
    axis.set_minor_locator(NullLocator())


def spoken_rows(rows: pd.DataFrame, name: str, *said: str) -> Iterable[str]:
    """Column `name` of each row with its limits, after the columns `said`: "ls 1.20 (0.80 to 1.60)"."""
    for row in rows[rows[name].notna()].to_dict("records") if name in rows else ():
        low, high = row[f"{name}_low"], row[f"{name}_high"]
        yield f"{' '.join(str(row[c]) for c in said)} {row[name]:.2f} ({low:.2f} to {high:.2f})"
