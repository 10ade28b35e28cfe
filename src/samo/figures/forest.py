"""The figure that says the most: every method's Delta-m, and what sharpness adds to its base method."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from samo.figures.palette import INK, colour, label, mark
from samo.figures.scale import usual
from samo.figures.style import grid
from samo.results.tables import is_reference, text


def draw(table: pd.DataFrame) -> Figure:
    """Two forest plots over the same rows of a main table (samo.results.tables.main), grouped by aggregator.

    Left: Delta-m in per cent with its 95 % interval; the zero line is single-task training. Right: Delta-m
    minus that of the same aggregator without sharpness, paired by seed; the zero line is that base method.
    """
    rows = joint(table)
    at, groups = places(rows)
    figure, [[left, right]] = grid(1, 2, 0.9 + 0.27 * (max(at, default=1) + 1), sharey=True, width_ratios=[5, 4])
    intervals(left, rows, at, "delta_m")
    intervals(right, rows, at, "gain")
    label_rows(left, rows, at, groups)
    left.set_title("Against single-task training")
    right.set_title("Against the same aggregator, plain")
    left.set_xlabel("Δm, % (left of the line: better than STL)")
    right.set_xlabel("difference in Δm, points (left: sharpness helps)")
    return figure


def joint(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that were run and are no reference, aggregators together, in the order of params.yaml."""
    if "aggregator" not in table:
        return table.assign(aggregator="", sharpness="").iloc[:0]
    rows = table[~is_reference(table) & table["aggregator"].notna()]
    order = {name: i for i, name in enumerate(dict.fromkeys(rows["aggregator"]))}
    return rows.sort_values("aggregator", key=lambda column: column.map(order), kind="stable")


def places(rows: pd.DataFrame) -> tuple[list[int], dict[int, str]]:
    """Where each of the rows of `joint` goes, and where the name of each aggregator above its own."""
    at: list[int] = []
    groups: dict[int, str] = {}
    line, last = 0, None
    for aggregator in rows["aggregator"]:
        if aggregator != last:
            groups[line] = label(aggregator)
            line, last = line + 1, aggregator
        at.append(line)
        line += 1
    return at, groups


def label_rows(axes: Axes, rows: pd.DataFrame, at: list[int], groups: dict[int, str]) -> None:
    """Write sharpness and aggregator to the left of the rows, the first one on top."""
    for place, name in groups.items():
        axes.text(-0.02, place, name, transform=axes.get_yaxis_transform(), ha="right", va="center", weight="bold")
    axes.set_yticks(at, [label(s) for s in rows["sharpness"]])
    axes.set_ylim(max(at, default=1) + 0.7, -0.7)


def intervals(axes: Axes, rows: pd.DataFrame, at: list[int], name: str, ticks: int = 6) -> None:
    """Column `name` of the rows with its limits, each row at its place, and the line of zero."""
    axes.axvline(0, color=INK, linewidth=1)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(ticks))
    axes.spines["left"].set_visible(False)
    limits = usual(rows, name)
    if limits is not None:
        axes.set_xlim(*limits)
    for place, row in zip(at, rows.to_dict("records"), strict=True):
        value, shade = row.get(name), colour(row["sharpness"])
        if pd.isna(value):
            continue
        low, high = row[f"{name}_low"], row[f"{name}_high"]
        axes.plot([low, high], [place, place], color=shade, linewidth=2.2, alpha=0.55)
        axes.plot(value, place, mark(row["sharpness"]), color=shade, markersize=6)
        if limits is not None and (low < limits[0] or high > limits[1]):
            right = value > limits[0]
            words = f"{text(value, 1)} ({text(low, 1)} … {text(high, 1)}) →" if right else f"← {text(value, 1)}"
            axes.annotate(
                words,
                (limits[1] if right else limits[0], place),
                xytext=(-2 if right else 2, 3),
                textcoords="offset points",
                ha="right" if right else "left",
                va="bottom",
                fontsize="small",
                color=INK,
            )


def describe(table: pd.DataFrame) -> str:
    """Every point of the left plot in words."""
    points = [
        f"{r['method']} {r['delta_m']:.2f} ({r['delta_m_low']:.2f} to {r['delta_m_high']:.2f})"
        for r in joint(table).to_dict("records")
        if not pd.isna(r.get("delta_m"))
    ]
    return "Forest plot of Delta-m in per cent with 95 % intervals, zero is single-task training: " + "; ".join(points)
