"""What the search saw: validation score against learning rate, rho and alpha, the choice ringed."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from samo.figures.palette import INK, MUTED, colour, label, mark
from samo.figures.style import grid, headed, legend
from samo.results.tables import text

AXES = {
    "lr": "learning rate",
    "rho": "ρ",
    "alpha": "α",
}


def draw(trials: pd.DataFrame) -> Figure:
    """A row an aggregator: the score against the learning rate, rho and, where it was searched, alpha.

    `trials` is the frame of samo.results.tables.search. The score is computed on validation data, higher is better;
    a colour per sharpness, a point a trial. Single-task training is grey.
    """
    shared, single = trials[trials["networks"] == "shared"], trials[trials["networks"] != "shared"]
    aggregators = list(dict.fromkeys(shared["aggregator"])) or [""]
    cuts = {name: words for name, words in AXES.items() if name != "alpha" or trials[name].notna().any()}
    figure, panels = grid(len(aggregators), len(cuts), 1.9, sharex="col", sharey="row")
    for row, aggregator in zip(panels, aggregators, strict=True):
        for axes, (name, words) in zip(row, cuts.items(), strict=True):
            for _, part in single.groupby("method", sort=False):
                axes.plot(part[name], part["score"], "o", color=MUTED, markersize=4, label=label("stl"))
            for _, part in shared[shared["aggregator"] == aggregator].groupby("method", sort=False):
                _line(axes, part, name)
            axes.set_xlabel(words if row is panels[-1] else "")
            headed(axes, f"{label(aggregator)}: validation score" if name == "lr" else "")
    for axes, name in zip(panels[0], cuts, strict=True):
        axes.set_xscale("linear" if name == "alpha" else "log")
        axes.margins(x=0.06, y=0.12)
    legend(figure, panels)
    return figure


def _line(axes: Axes, part: pd.DataFrame, name: str) -> None:
    sharpness = part["sharpness"].iloc[0]
    style: dict[str, Any] = {"color": colour(sharpness), "marker": mark(sharpness), "linestyle": "", "markersize": 5}
    axes.plot(part[name], part["score"], label=label(sharpness), **style)
    taken = part[part["chosen"]]
    axes.plot(taken[name], taken["score"], "o", markersize=10, fillstyle="none", color=INK, linewidth=0)


def describe(trials: pd.DataFrame) -> str:
    """What was chosen for each method, in words."""
    best = trials[trials["chosen"]].to_dict("records")
    chosen = [
        f"{r['method']} learning rate {text(r['lr'])}, rho {text(r['rho'])}"
        + (f", alpha {text(r['alpha'])}" if text(r["alpha"]) != "—" else "")
        for r in best
    ]
    return "Validation score against what was searched. Chosen: " + "; ".join(chosen)
