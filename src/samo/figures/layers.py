"""Agreement of task gradients layer by layer over training: a heat map per method."""

import math

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from samo.figures.palette import MUTED, label, spoken
from samo.figures.style import grid

ACROSS = 3  # heat maps in a row
MOST_NAMES = 30  # of more layers than this, only some are named
MOST_CELLS = 3000  # larger heat maps are stored as pixels
COLOURS = mpl.colormaps["PuOr"].resampled(21)
"""Orange below zero, purple above, told apart with any common colour blindness; zero has a step of its own."""


def draw(table: pd.DataFrame, layers: pd.DataFrame) -> Figure:
    """Mean cosine of task gradients per layer (rows, the input's on top) and update (columns), a panel per method.

    `table` is a main table; `layers` has method, update, layer, position, mean, chosen. All panels share one scale, the
    same to both sides of zero. Names of chosen layers are bold; where tasks share no gradient the map is empty.
    """
    methods = list(layers["method"].drop_duplicates())
    order = layers.sort_values("position").drop_duplicates("layer")
    limit = max(0.1, math.ceil(10 * float(layers["mean"].abs().max())) / 10)
    across = min(ACROSS, len(methods))
    figure, panels = grid(math.ceil(len(methods) / across), across, 0.9 + 0.2 * len(order), sharey=True)
    places = [axes for row in panels for axes in row]
    for axes in places[len(methods) :]:
        axes.set_axis_off()
    known = {row["method"]: row for row in table.to_dict("records") if isinstance(row.get("sharpness"), str)}
    for axes, method in zip(places, methods, strict=False):
        cells = layers[layers["method"] == method].pivot_table(index="layer", columns="update", values="mean")
        cells = cells.reindex(order["layer"])
        mesh = axes.pcolormesh(
            cells.columns.to_numpy(float), range(len(order)), cells.to_numpy(), cmap=COLOURS, shading="nearest",
            vmin=-limit, vmax=limit, rasterized=cells.size > MOST_CELLS,
        )  # fmt: skip
        axes.grid(visible=False)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        row = known.get(method)
        axes.set(xlabel="update", title=spoken(row["aggregator"], row["sharpness"]) if row else label(method))
    every = math.ceil(len(order) / MOST_NAMES)
    named = order.iloc[::every]
    for first, *_ in panels:
        first.set_yticks(range(0, len(order), every), list(named["layer"]))
        first.set_ylim(len(order) - 0.5, -0.5)
        for words, chosen in zip(first.get_yticklabels(), named["chosen"], strict=True):
            words.set_fontweight("bold" if chosen else "normal")
    figure.colorbar(mesh, ax=places, pad=0.02).ax.set_title("cosine", fontsize=8.5, weight="normal", color=MUTED)
    return figure


def describe(layers: pd.DataFrame) -> str:
    """Where the chosen layers started and where they ended, in words."""
    ends = []
    for (method, layer), part in layers[layers["chosen"]].groupby(["method", "layer"], sort=False):
        means = part.sort_values("update")["mean"]
        ends.append(f"{method} {layer} from {means.iloc[0]:.2f} to {means.iloc[-1]:.2f}")
    what = "Heat map of the cosine between task gradients by layer over training. Layers that move most: "
    return what + "; ".join(ends)
