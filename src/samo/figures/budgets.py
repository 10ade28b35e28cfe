"""What compute buys: the gain of each sharpness, budget by budget, against passes or updates."""

import pandas as pd
from matplotlib.figure import Figure

from samo.figures import style
from samo.figures.palette import INK, colour, label, look
from samo.results.tables import text

AXES = {"cost": "compute of the training, in LS steps by the count of passes", "updates": "updates of the training"}


def draw(pooled: pd.DataFrame, x: str = "cost") -> Figure:
    """Gain with its 95 % interval (a frame of samo.results.ladder.pooled) over `x`, cost or updates, logarithmic.

    Over updates: does a gain persist? A line that ends beyond the scale is written at the edge where it does.
    """
    figure, [[axes]] = style.grid(1, 1, 3.9)
    zero = axes.axhline(0, color=INK, linewidth=1)
    parts = {str(name): part.sort_values(x) for name, part in style.apart(pooled, x).groupby("sharpness", sort=False)}
    for name, part in parts.items():
        axes.vlines(part[x], part["gain_low"], part["gain_high"], color=colour(name), linewidth=2.2, alpha=0.55)
        axes.plot(part[x], part["gain"], **look(name, markersize=7))
    axes.margins(x=0.05, y=0.08)
    ends = pd.concat([part.iloc[[-1]] for part in parts.values()])
    limits = style.usual(ends, "gain")
    if limits is not None:  # of a line that ends within, every interval is in sight
        near = pd.concat([parts[name] for name in ends.loc[ends["gain"].between(*limits), "sharpness"]])
        limits = min(limits[0], near["gain_low"].min()), max(limits[1], near["gain_high"].max())
        axes.set_ylim(*limits)
    if x == "updates":
        style.ticks(axes, sorted(set(pooled[x])))
    elif pooled[x].gt(0).any():  # costs may not have been measured
        axes.set_xscale("log")
        style.plain_log(axes.xaxis)
    named = []
    for name, at, gain in ends[["sharpness", x, "gain"]].itertuples(index=False, name=None):
        if limits is not None and (gain < limits[0] or gain > limits[1]):
            style.at_edge(axes, f"{label(name)} {text(gain, 1)}", (at, gain), limits, color=colour(name))
        else:
            named.append((name, at, gain))
    style.name_ends(axes, named)
    style.until(zero, max(part[x].max() for part in parts.values()))
    axes.set_xlabel(AXES[x])
    style.headed(axes, "gain over the aggregator alone, points of Δm (above the line: better)")
    return figure


def describe(pooled: pd.DataFrame) -> str:
    rows = pooled.assign(
        at=[f"at {u:,} updates ({c:,.0f} LS steps)" for u, c in zip(pooled["updates"], pooled["cost"], strict=True)]
    )
    said = style.spoken_rows(rows, "gain", "sharpness", "at")
    return "Gain over the aggregator alone in points of Δm, pooled over datasets and aggregators: " + "; ".join(said)
