"""One cell's training: each task's loss, and every test metric, over the epochs."""

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from samo.figures.palette import INK, MUTED, PAPER
from samo.figures.style import grid, headed, legend
from samo.results.stats import summarise

ACROSS = 3
"""Panels in a row."""
MOST = 9
"""Of more panels than this, only the first are drawn: the rest are in the run's history."""
LINES = {"train": (MUTED, ":"), "val": ("#0072b2", "--"), "test": (INK, "-")}


def draw(history: pd.DataFrame, metrics: Sequence[tuple[str, str, str]]) -> Figure:
    """Mean and 95 % band over seeds, a panel a task's loss, then one a metric.

    Args:
        history: seed, epoch, split, task, metric, value; a row a number.
        metrics: (task, metric, unit) in the order of the tables.
    """
    series = summarise(history.dropna(subset="value"), ["epoch", "split", "task", "metric"])
    wanted = panels_of(metrics)
    across = min(ACROSS, len(wanted))
    figure, rows = grid(math.ceil(len(wanted) / across), across, 2.1)
    figure.patch.set_facecolor(PAPER)  # a notebook may be read on a dark page
    places = [axes for row in rows for axes in row]
    for axes, (task, metric, unit) in zip(places, wanted, strict=False):
        _panel(axes, series[(series["task"] == task) & (series["metric"] == metric)])
        axes.set_title(task, pad=18)
        headed(axes, f"{metric}, {unit}".rstrip(", "))
        axes.set_xlabel("epoch")
    for axes in places[len(wanted) :]:
        axes.set_axis_off()
    legend(figure, rows)
    return figure


def panels_of(metrics: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """The panels that are drawn: every task's loss, then the metrics, as many as there is room for."""
    tasks = dict.fromkeys(task for task, _, _ in metrics)
    losses = [(task, "loss", "") for task in tasks]
    kept = [one for one in metrics if one[1] != "loss"]
    half = MOST // 2 if len(losses) + len(kept) > MOST else MOST
    return (losses[:half] + kept)[:MOST]


def describe(history: pd.DataFrame, metrics: Sequence[tuple[str, str, str]]) -> str:
    """Where the test metrics stand after the last epoch, in words."""
    last = history[(history["epoch"] == history["epoch"].max()) & (history["split"] == "test")]
    means = last.groupby(["task", "metric"])["value"].mean()
    ends = [f"{task} {metric} {means[task, metric]:.3g}" for task, metric, _ in metrics if (task, metric) in means]
    return "Losses and test metrics over the epochs, mean and 95 % band over seeds. At the end: " + "; ".join(ends)


def _panel(axes: Axes, series: pd.DataFrame) -> None:
    for split, (shade, dashes) in LINES.items():
        line = series[series["split"] == split].sort_values("epoch")
        if line.empty:
            continue
        if line["low"].notna().any():
            axes.fill_between(line["epoch"], line["low"], line["high"], color=shade, alpha=0.10, linewidth=0)
        axes.plot(line["epoch"], line["mean"], dashes, color=shade, linewidth=1.6, label=split)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
