"""The figure that says the most: every method's Delta-m, and what sharpness adds to its base method."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from samo.figures.palette import INK, label, look
from samo.figures.style import Panels, aside, grid, spoken_rows, usual
from samo.results.tables import is_reference, text


def draw(table: pd.DataFrame) -> Figure:
    """Two forest plots over the same rows of a main table (samo.results.tables.main), grouped by aggregator.

    Left: Delta-m in per cent with its 95 % interval; zero is single-task training. Right: the gain over the same
    aggregator without sharpness, paired by seed.
    """
    rows = joint(table)
    at = places(rows)
    figure, [[left, right]] = grid(1, 2, 0.9 + 0.27 * (max(at, default=1) + 1), sharey=True, width_ratios=[5, 4])
    intervals(left, rows, at, "delta_m")
    intervals(right, rows, at, "gain")
    label_rows(left, rows, at)
    left.set(title="Against single-task training", xlabel="Δm, % (left of the line: better than STL)")
    words = "gain, points of Δm (right: better)"
    right.set(title="Against the same aggregator, plain", xlabel=words)
    return figure


def joint(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that were run and are no reference, aggregators together, in the order of params.yaml."""
    if "aggregator" not in table:
        return table.assign(aggregator="", sharpness="").iloc[:0]
    rows = table[~is_reference(table) & table["aggregator"].notna()]
    order = {name: i for i, name in enumerate(dict.fromkeys(rows["aggregator"]))}
    return rows.sort_values("aggregator", key=lambda column: column.map(order), kind="stable")


def by_aggregator(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The rows of `joint` with each aggregator, after its name; one empty part of none."""
    return [(label(str(name)), part) for name, part in rows.groupby("aggregator", sort=False)] or [("", rows)]


def columns(methods: pd.DataFrame, rows: int, height: float) -> tuple[Figure, Panels, list[pd.DataFrame]]:
    """Rows of panels that share their scale, a titled column per aggregator; and each column's part of `joint` rows."""
    parts = by_aggregator(methods)
    figure, panels = grid(rows, len(parts), height, sharex=True, sharey="row")
    for axes, (name, _) in zip(panels[0], parts, strict=True):
        axes.set_title(name, pad=18)
    return figure, panels, [part for _, part in parts]


def places(rows: pd.DataFrame) -> list[int]:
    """Where each of the rows of `joint` goes: under its aggregator's name."""
    return [k + 1 + group for k, group in enumerate(pd.factorize(rows["aggregator"])[0].tolist())]


def label_rows(axes: Axes, rows: pd.DataFrame, at: list[int]) -> None:
    """Write sharpness and aggregator to the left of the rows, the first one on top."""
    across = axes.get_yaxis_transform()
    for name, first in rows.assign(at=at).drop_duplicates("aggregator")[["aggregator", "at"]].to_numpy():
        axes.text(-0.02, first - 1, label(name), transform=across, ha="right", va="center", weight="bold")
    axes.set_yticks(at, [label(s) for s in rows["sharpness"]])
    axes.set_ylim(max(at, default=1) + 0.7, -0.7)


def intervals(
    axes: Axes,
    rows: pd.DataFrame,
    at: Sequence[float],
    name: str,
    ticks: int = 6,
    mark: Callable[[dict[Any, Any]], dict[str, Any]] = lambda row: {},
) -> None:
    """Column `name` of the rows with its limits, if any, each at its place; `mark` changes the sharpness's look."""
    axes.axvline(0, color=INK, linewidth=1)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(ticks))
    axes.spines["left"].set_visible(False)
    limits = usual(rows, name)
    if limits is not None:
        axes.set_xlim(*limits)
    for place, row in zip(at, rows.to_dict("records"), strict=True):
        value, shown = row.get(name), look(row["sharpness"], markersize=6) | mark(row)
        if pd.isna(value):
            continue
        low, high = (value if pd.isna(row[f"{name}_{end}"]) else row[f"{name}_{end}"] for end in ("low", "high"))
        axes.plot([low, high], [place, place], color=shown["color"], linewidth=2.2, alpha=0.55)
        axes.plot(value, place, **shown)
        if limits is not None and (low < limits[0] or high > limits[1]):
            right = value > limits[0]
            said = f"{text(value, 1)} ({text(low, 1)} … {text(high, 1)})" if low < high else text(value, 1)
            words = f"{said} →" if right else f"← {text(value, 1)}"
            side = "right" if right else "left"
            aside(axes, words, (limits[right], place), (-2 if right else 2, 3), ha=side, va="bottom")


def describe(table: pd.DataFrame) -> str:
    points = spoken_rows(joint(table), "delta_m", "method")
    return "Forest plot of Delta-m in per cent with 95 % intervals, zero is single-task training: " + "; ".join(points)
