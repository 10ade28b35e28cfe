"""What the search saw: validation score against learning rate, rho and alpha, the choice ringed."""

import pandas as pd
from matplotlib.figure import Figure

from samo.figures.palette import INK, MUTED, label, look
from samo.figures.style import grid, headed, legend, plain_log
from samo.results.tables import text

AXES = {"lr": "learning rate", "rho": "ρ", "alpha": "α"}


def draw(trials: pd.DataFrame) -> Figure:
    """A row per aggregator, a point per trial: the score against the learning rate, rho and, where searched, alpha.

    `trials` is the frame of samo.results.tables.search; the score is on validation data, higher is better.
    Single-task training is grey.
    """
    shared, single = trials[trials["networks"] == "shared"], trials[trials["networks"] != "shared"]
    axes_shown = {name: words for name, words in AXES.items() if name == "lr" or trials[name].notna().any()}
    parts = dict(list(shared.groupby("aggregator", sort=False))) or {"": shared}
    figure, panels = grid(len(parts), len(axes_shown), 1.9, sharex="col", sharey="row")
    for row, (aggregator, part) in zip(panels, parts.items(), strict=True):
        for axes, (name, words) in zip(row, axes_shown.items(), strict=True):
            axes.plot(single[name], single["score"], "o", color=MUTED, markersize=4, label=label("stl"))
            for sharpness, own in part.groupby("sharpness", sort=False):
                axes.plot(own[name], own["score"], **look(str(sharpness), linestyle="", markersize=5))
            taken = part[part["chosen"]]
            axes.plot(taken[name], taken["score"], "o", markersize=10, fillstyle="none", color=INK, label="chosen")
            axes.set_xlabel(words if row is panels[-1] else "")
            if name != "alpha":
                axes.set_xscale("log")
                plain_log(axes.xaxis)
            axes.margins(x=0.06, y=0.12)
        headed(row[0], f"{label(str(aggregator))}: validation score")
    legend(figure, panels)
    return figure


def describe(trials: pd.DataFrame) -> str:
    chosen = [
        f"{r['method']} learning rate {text(r['lr'])}, rho {text(r['rho'])}"
        + (f", alpha {text(r['alpha'])}" if text(r["alpha"]) != "—" else "")
        for r in trials[trials["chosen"]].to_dict("records")
    ]
    return "Validation score against what was searched. Chosen: " + "; ".join(chosen)
