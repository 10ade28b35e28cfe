"""What a step costs: measured time as a multiple of an LS step, beside the count of passes."""

import pandas as pd
from matplotlib.figure import Figure

from samo.figures.palette import INK, MUTED, colour, label
from samo.figures.style import grid


def draw(table: pd.DataFrame, cost: pd.DataFrame) -> Figure:
    """Bars of step time over LS's with the interval of the repeats, and a mark where the count puts it.

    `table` is a main table, `cost` has method, ratio, ratio_low, ratio_high, count_ratio.
    """
    known = table[["method", "sharpness", "aggregator"]] if "sharpness" in table else None
    rows = cost.merge(known, on="method", how="left") if known is not None else cost.assign(sharpness=None)
    figure, [[axes]] = grid(1, 1, 0.9 + 0.27 * len(rows))
    for place, row in enumerate(rows.to_dict("records")):
        sharpness = row["sharpness"] if isinstance(row["sharpness"], str) else "none"
        axes.barh(place, row["ratio"], height=0.62, color=colour(sharpness), alpha=0.8)
        axes.plot([row["ratio_low"], row["ratio_high"]], [place, place], color=INK, linewidth=1.2)
        if pd.notna(row["count_ratio"]):
            axes.plot(
                [row["count_ratio"]] * 2, [place - 0.42, place + 0.42], color=MUTED, linewidth=2.2,
                label="by operation count" if place == 0 else None,
            )  # fmt: skip
        axes.text(max(row["ratio_high"], row["ratio"]), place, f"  {row['ratio']:.1f}×", va="center", fontsize=8.5)
    axes.set_yticks(range(len(rows)), [label(m) for m in rows["method"]])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.axvline(1, color=INK, linewidth=0.8)
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.08)
    axes.set_xlim(left=0)
    axes.set_xlabel("time of a training step, multiples of an LS step on the same machine")
    if rows["count_ratio"].notna().any():
        axes.legend(loc="lower right")
    return figure


def describe(cost: pd.DataFrame) -> str:
    """Every bar in words."""
    bars = [f"{r['method']} {r['ratio']:.1f}" for r in cost.to_dict("records")]
    return "Step time as a multiple of an LS step: " + "; ".join(bars)
