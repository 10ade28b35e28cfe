"""How near what stands in for a task's gradient comes to it, network by network."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from samo.figures.palette import INK, colour
from samo.figures.style import grid, headed
from samo.results.tables import text

SPOKEN = {"g_0": "g₀: mean gradient", "coin": "a coin (placebo)"}
SHADES = {"last": "samo-remembered", "running": "samo-remembered", "coin": "placebo", "g_0": "gsam"}
"""First word of an estimate -> the sharpness whose colour it has; all others are SAMO's probes."""


def draw(estimates: pd.DataFrame) -> Figure:
    """A panel per network: the mean cosine of every estimate with a task's gradient, and its 95 % interval over seeds.

    `estimates` has network, batch, update, estimate, passes, cosine with limits; of several batches and places of one
    network the first is drawn.
    """
    shown = _first(estimates)
    names = list(dict.fromkeys(shown["estimate"]))
    figure, [panels] = grid(1, shown["network"].nunique(), 3.6, sharex=True, sharey=True)
    for axes, (network, part) in zip(panels, shown.groupby("network", sort=False), strict=True):
        axes.axvline(0, color=INK, linewidth=1)
        for row in part.to_dict("records"):
            place = names.index(str(row["estimate"]))
            shade = colour(SHADES.get(str(row["estimate"]).split()[0], "samo"))
            axes.plot([row["cosine_low"], row["cosine_high"]], [place] * 2, color=shade, linewidth=2.2, alpha=0.45)
            axes.plot(row["cosine"], place, "o", color=shade, markersize=4.5)
        axes.set_title(str(network), pad=16)
        headed(axes, f"{EngFormatter(places=0, sep='')(part['params'].iloc[0])} weights")
        axes.set_yticks(range(len(names)), [SPOKEN.get(name, name.replace("mu ", "μ ")) for name in names])
    panels[0].invert_yaxis()  # shared: the first estimate on top of all
    figure.supxlabel("cosine with the task's exact gradient (0: knows nothing, 1: is its direction)", fontsize=9.5)
    return figure


def _first(estimates: pd.DataFrame) -> pd.DataFrame:
    places = estimates.drop_duplicates("network")[["network", "batch", "update"]]
    return estimates.merge(places, on=["network", "batch", "update"])


def describe(estimates: pd.DataFrame) -> str:
    shown = _first(estimates)
    ends = zip(shown["cosine"], shown["cosine_low"], shown["cosine_high"], strict=True)
    shown["said"] = [f"{text(mean, 4)} ({text(low, 3)} to {text(high, 3)})" for mean, low, high in ends]
    parts = shown.groupby("network", sort=False)
    said = [f"{network}: {', '.join(part['estimate'] + ' ' + part['said'])}" for network, part in parts]
    return "Cosine of each estimate with the task's exact gradient, 95 % intervals over seeds. " + "; ".join(said)
