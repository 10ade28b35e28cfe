"""The look of every figure, and a figure as SVG text that is the same on every run."""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from samo.figures.palette import GRID, INK, MUTED

WIDTH = 9.0
"""Inches of a full-width figure."""


@contextmanager
def style() -> Iterator[None]:
    """Thin axes, no box, words left as words in the SVG, no date and no random ids."""
    rules: dict[str, Any] = dict(sns.axes_style("ticks"))
    rules |= {
        "font.family": ["sans-serif"],
        "font.sans-serif": ["DejaVu Sans"],
        "font.size": 9.5,
        "axes.titlesize": 10.5,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titlecolor": INK,
        "axes.labelcolor": MUTED,
        "axes.edgecolor": MUTED,
        "axes.linewidth": 0.7,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.unicode_minus": True,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": GRID,
        "grid.linewidth": 0.6,
        "text.color": INK,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.major.size": 0,
        "ytick.major.size": 0,
        "xtick.minor.size": 0,
        "legend.frameon": False,
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "svg.fonttype": "none",
        "svg.hashsalt": "samo",
    }
    with mpl.rc_context(cast(Any, rules)):
        yield


def svg(draw: Callable[[], Figure]) -> str:
    """Draw in the study's style and return the SVG: the same text for the same data."""
    with style():
        out = io.StringIO()
        draw().savefig(out, format="svg", bbox_inches="tight", pad_inches=0.08, metadata={"Date": None})
    text = out.getvalue()
    return re.sub(r"[ \t]+$", "", text[text.index("<svg") :], flags=re.MULTILINE)


def grid(rows: int, columns: int, height: float, **options: Any) -> tuple[Figure, list[list[Axes]]]:
    """A full-width figure with rows x columns panels, each `height` inches high."""
    figure = Figure(figsize=(WIDTH, max(height * rows, 1.6)), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, [list(row) for row in panels]


def legend(figure: Figure, panels: list[list[Axes]], columns: int = 7) -> None:
    """One legend under all panels, each entry once, in the order of first appearance, so many side by side."""
    seen: dict[str, Any] = {}
    for axes in (axes for row in panels for axes in row):
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            seen.setdefault(name, handle)
    if seen:
        figure.legend(list(seen.values()), list(seen), loc="outside lower left", ncols=columns)


def headed(axes: Axes, text: str) -> None:
    """What the y axis shows, written level above it: nobody should turn the head."""
    axes.set_ylabel("")
    axes.text(0, 1.02, text, transform=axes.transAxes, ha="left", va="bottom", color=MUTED, fontsize=8.5)
