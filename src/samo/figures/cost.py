"""What a step costs: measured time as a multiple of an LS step, beside the count of passes."""

import pandas as pd
from matplotlib.figure import Figure

from samo.figures.palette import INK, MUTED, colour, label, spoken
from samo.figures.style import aside, grid, legend


def draw(table: pd.DataFrame, cost: pd.DataFrame) -> Figure:
    """Bars of step time over LS's (`ratio` with its quartiles, `ratio_low` and `_high`), marks at the `count_ratio`."""
    kinds = {row["method"]: row for row in table.to_dict("records")}
    figure, [[axes]] = grid(1, 1, 0.9 + 0.25 * len(cost))
    names = []
    for place, row in enumerate(cost.to_dict("records")):
        kind, count = kinds.get(row["method"], {}), row["count_ratio"]
        shared = kind.get("networks") == "shared"
        names.append(spoken(kind["aggregator"], kind["sharpness"]) if shared else label(row["method"]))
        axes.barh(place, row["ratio"], height=0.6, color=colour(kind["sharpness"]) if shared else MUTED, alpha=0.75)
        axes.plot([row["ratio_low"], row["ratio_high"]], [place, place], color=INK, linewidth=1.2)
        axes.plot([count, count], [place - 0.4, place + 0.4], color=INK, linewidth=2, label="by operation count")
        right = max(value for value in (row["ratio"], row["ratio_high"], count) if not pd.isna(value))
        aside(axes, f"{row['ratio']:.1f}×", (right, place), (6, 0), va="center")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.axvline(1, color=MUTED, linewidth=0.8)
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.08)
    axes.set_xlim(left=0)
    axes.set_xlabel("time of a training step, multiples of an LS step on the same machine")
    legend(figure, [[axes]])
    return figure


def describe(cost: pd.DataFrame) -> str:
    bars = [f"{r['method']} {r['ratio']:.1f}" for r in cost.to_dict("records")]
    return "Step time as a multiple of an LS step: " + "; ".join(bars)
