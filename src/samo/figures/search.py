"""What the search saw: validation score against learning rate, rho and alpha, the choice ringed."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from samo.figures.palette import INK, MUTED, colour, label, mark
from samo.figures.scale import ticks
from samo.figures.style import grid, headed, legend
from samo.results.tables import text
from samo.training.search import ORDER

AXES = {
    "lr": "learning rate, all else as chosen",
    "rho": "ρ, all else in the middle",
    "alpha": "α, at the chosen ρ and the middle learning rate",
}


def draw(trials: pd.DataFrame) -> Figure:
    """A row an aggregator: the score against the learning rate, rho and, where it was searched, alpha.

    `trials` is the frame of samo.results.tables.search. The score is computed on validation data, higher is better;
    a line per sharpness. Single-task training is the dashed line. The search goes along one axis after the other,
    so each panel shows one of its cuts.
    """
    shared, single = trials[trials["networks"] == "shared"], trials[trials["networks"] != "shared"]
    aggregators = list(dict.fromkeys(shared["aggregator"])) or [""]
    cuts = {name: words for name, words in AXES.items() if name != "alpha" or trials[name].notna().any()}
    figure, panels = grid(len(aggregators), len(cuts), 1.9, sharex="col", sharey="row")
    for row, aggregator in zip(panels, aggregators, strict=True):
        for axes, (name, words) in zip(row, cuts.items(), strict=True):
            for _, part in single.groupby("method", sort=False):
                axes.plot(*_cut(part, name), "--", color=MUTED, linewidth=1.3, label=label("stl"))
            for _, part in shared[shared["aggregator"] == aggregator].groupby("method", sort=False):
                _line(axes, part, name)
            axes.set_xlabel(words if row is panels[-1] else "")
            headed(axes, f"{label(aggregator)}: validation score" if name == "lr" else "")
    for axes, name in zip(panels[0], cuts, strict=True):
        values = sorted(set(trials[name].dropna()))
        if values and values[0] > 0:
            ticks(axes, values)
            axes.margins(x=0.06, y=0.12)
    legend(figure, panels)
    return figure


def _line(axes: Axes, part: pd.DataFrame, name: str) -> None:
    sharpness = part["sharpness"].iloc[0]
    style: dict[str, Any] = {"color": colour(sharpness), "marker": mark(sharpness), "linewidth": 1.5, "markersize": 4}
    where, score = _cut(part, name)
    axes.plot(where, score, label=label(sharpness), **style)
    taken = where.isin(part.loc[part["chosen"], name])
    axes.plot(where[taken], score[taken], "o", markersize=10, fillstyle="none", color=INK, linewidth=0)


def _cut(part: pd.DataFrame, name: str) -> tuple["pd.Series[float]", "pd.Series[float]"]:
    """The trials along `name` while the others stand still, as the search went: see `samo.training.search.ORDER`."""
    first, chosen = part.iloc[0], part[part["chosen"]]
    for other in ORDER:
        if other != name and part[other].notna().any() and len(chosen):
            earlier = ORDER.index(other) < ORDER.index(name)
            part = part[part[other] == (chosen[other].iloc[0] if earlier else first[other])]
    line = part[part[name].notna()].sort_values(name)
    return line[name], line["score"]


def describe(trials: pd.DataFrame) -> str:
    """What was chosen for each method, in words."""
    best = trials[trials["chosen"]].to_dict("records")
    chosen = [
        f"{r['method']} learning rate {text(r['lr'])}, rho {text(r['rho'])}"
        + (f", alpha {text(r['alpha'])}" if text(r["alpha"]) != "—" else "")
        for r in best
    ]
    return "Validation score against what was searched. Chosen: " + "; ".join(chosen)
