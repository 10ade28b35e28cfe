"""Validation score against learning rate and rho, the choice ringed."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from samo.figures.palette import INK, MUTED, colour, label
from samo.figures.style import grid, headed
from samo.tables import REFERENCE, text

DASHES = ["-", "--", ":", "-."]


def draw(trials: pd.DataFrame) -> Figure:
    """A row an aggregator, a column a sharpness, a line a rho: what the search saw and what it took.

    `trials` is samo.tables.search's frame. The score is a mean over tasks on validation data: higher
    is better.
    """
    ours = trials[trials["method"] != REFERENCE]
    aggregators = list(dict.fromkeys(ours["aggregator"])) or [""]
    kinds = list(dict.fromkeys(ours["sharpness"])) or [""]
    figure, panels = grid(len(aggregators), len(kinds), 1.75, sharex=True, sharey=True)
    for i, aggregator in enumerate(aggregators):
        for j, sharpness in enumerate(kinds):
            axes = panels[i][j]
            part = ours[(ours["aggregator"] == aggregator) & (ours["sharpness"] == sharpness)]
            for k, (rho, line) in enumerate(part.groupby("rho", dropna=False)):
                line = line.sort_values("lr")
                axes.plot(
                    line["lr"],
                    line["score"],
                    DASHES[k % 4],
                    color=colour(sharpness),
                    marker=".",
                    linewidth=1.3,
                )
                if not np.isnan(rho):
                    last = line.iloc[-1]
                    axes.annotate(
                        f"ρ {text(rho)}", (last["lr"], last["score"]), xytext=(4, 0),
                        textcoords="offset points",
                        va="center", fontsize=7, color=MUTED,
                    )  # fmt: skip
            best = part[part["chosen"]]
            axes.plot(best["lr"], best["score"], "o", markersize=10, fillstyle="none", color=INK)
            if i == 0:
                axes.set_title(label(sharpness), pad=18)
            if i == len(aggregators) - 1:
                axes.set_xlabel("learning rate")
            headed(axes, f"{label(aggregator)}: validation score" if j == 0 else "")
    rates = sorted(set(trials["lr"]))
    for axes in (axes for row in panels for axes in row):
        axes.set_xscale("log")
        axes.set_xticks(rates, [text(rate) for rate in rates], fontsize=7.5)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.margins(x=0.22)
    return figure


def describe(trials: pd.DataFrame) -> str:
    """What was chosen for each method, in words."""
    best = trials[trials["chosen"]].to_dict("records")
    chosen = [f"{r['method']} lr {text(r['lr'])} rho {text(r['rho'])}" for r in best]
    return "Validation score against learning rate and rho. Chosen: " + "; ".join(chosen)
