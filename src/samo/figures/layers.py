"""Agreement of task gradients layer by layer over training: a heat map a method."""

import math

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from samo.figures.palette import MUTED, label, spoken
from samo.figures.style import grid

ACROSS = 3
"""Heat maps in a row."""
MOST_NAMES = 30
"""Of more layers than this, only some are named."""
MOST_CELLS = 3000
"""Larger heat maps are stored as pixels."""
COLOURS = mpl.colormaps["PuOr"].resampled(21)
"""Orange below zero, purple above, told apart with any common colour blindness; zero has a step of its own."""


def draw(table: pd.DataFrame, layers: pd.DataFrame) -> Figure:
    """Mean cosine of task gradients per layer (rows, the input's on top) and update (columns), a panel a method.

    `table` is a main table, which names aggregator and sharpness; `layers` has method, update, layer, position, mean,
    chosen. All panels share one scale, the same to both sides of zero. Names of chosen layers are bold; where the tasks
    share no gradient the map is empty.
    """
    methods = list(layers["method"].drop_duplicates())
    order = layers.sort_values("position").drop_duplicates("layer")
    limit = max(0.1, math.ceil(10 * float(layers["mean"].abs().max())) / 10)
    across = min(ACROSS, len(methods))
    figure, panels = grid(math.ceil(len(methods) / across), across, 0.9 + 0.2 * len(order), sharey=True)
    axes = [one for row in panels for one in row]
    for place, method in zip(axes, methods, strict=False):
        mesh = _panel(place, layers[layers["method"] == method], list(order["layer"]), limit)
        place.set_title(_name(table, method))
    for place in axes[len(methods) :]:
        place.set_axis_off()
    for row in panels:
        _names(row[0], order)
    figure.colorbar(mesh, ax=axes, pad=0.02).ax.set_title("cosine", fontsize=8.5, weight="normal", color=MUTED)
    return figure


def _panel(axes: Axes, part: pd.DataFrame, order: list[str], limit: float) -> QuadMesh:
    cells = part.pivot_table(index="layer", columns="update", values="mean").reindex(order)
    mesh = axes.pcolormesh(
        cells.columns.to_numpy(dtype=float), range(len(order)), cells.to_numpy(), shading="nearest", cmap=COLOURS,
        vmin=-limit, vmax=limit, rasterized=cells.size > MOST_CELLS,
    )  # fmt: skip
    axes.grid(visible=False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.set_xlabel("update")
    return mesh


def _names(axes: Axes, order: pd.DataFrame) -> None:
    step = math.ceil(len(order) / MOST_NAMES)
    axes.set_yticks(range(0, len(order), step), list(order["layer"])[::step])
    axes.set_ylim(len(order) - 0.5, -0.5)
    for words, chosen in zip(axes.get_yticklabels(), list(order["chosen"])[::step], strict=True):
        words.set_fontweight("bold" if chosen else "normal")


def _name(table: pd.DataFrame, method: str) -> str:
    known = table[table["method"] == method].to_dict("records")
    ran = bool(known) and isinstance(known[0].get("sharpness"), str)
    return spoken(known[0]["aggregator"], known[0]["sharpness"]) if ran else label(method)


def describe(layers: pd.DataFrame) -> str:
    """Where the chosen layers started and where they ended, in words."""
    ends = []
    for (method, layer), part in layers[layers["chosen"]].groupby(["method", "layer"], sort=False):
        means = part.sort_values("update")["mean"]
        ends.append(f"{method} {layer} from {means.iloc[0]:.2f} to {means.iloc[-1]:.2f}")
    return "Heat map of the cosine between task gradients by layer over updates. Layers that move most: " + "; ".join(
        ends
    )
