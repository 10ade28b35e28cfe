"""How much of a task's gradient its SPSA estimate holds, against the number of parameters."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from samo.figures.palette import COLOURS, INK, MUTED
from samo.figures.style import grid, headed, legend

SHADES = [COLOURS[name] for name in ("samo", "gsam", "lsam", "fmtl", "msam")]
SOURCES = {"linear": "Linear losses", "init": "First weights", "trained": "Trained ({})"}
ROWS = ("cosine, estimate and exact gradient", "the same after layer normalisation", "share with a positive cosine")


def draw(probe: pd.DataFrame) -> Figure:
    """Mean cosine with its 95 % interval against parameters, as estimated and layer-normalised, theory dashed.

    A column per source; below, the share of estimates on the gradient's side, beside that of coins. A mean that is not
    positive is left out. `probe` has source, method, estimator, statistics, layer_normalised, directions, params,
    cosine with limits, theory, sign_share.
    """
    columns = probe.groupby(["source", "method"], sort=False)
    figure, panels = grid(3, len(columns), 2.2, sharex="col", sharey="row")
    for (above, middle, below), ((source, method), here) in zip(zip(*panels, strict=True), columns, strict=True):
        spsa = here[here["estimator"] == "spsa"]
        _cosines(above, spsa[~spsa["layer_normalised"]])
        _cosines(middle, spsa[spsa["layer_normalised"]])
        _signs(below, here[~here["layer_normalised"]])
        above.set_title(SOURCES.get(str(source), str(source)).format(method), pad=18)
        below.set(xlabel="parameters", xscale="log")
    for row, words in zip(panels, ROWS, strict=True):
        headed(row[0], words)
    panels[0][0].set_yscale("log")
    panels[1][0].set_yscale("log")
    panels[2][0].set_ylim(min(0.4, float(probe["sign_share"].min()) - 0.03), 1.03)
    legend(figure, panels, columns=4)
    return figure


def _cosines(axes: Axes, part: pd.DataFrame) -> None:
    for look, line in _lines(part):
        # Where the interval reaches down to zero, a logarithmic axis shows its upper half.
        below = (line["cosine"] - line["cosine_low"]).where(line["cosine_low"] > 0, 0.0)
        seen = line["cosine"].where(line["cosine"] > 0)
        axes.errorbar(line["params"], seen, yerr=[below, line["cosine_high"] - line["cosine"]], elinewidth=1, **look)
        axes.plot(line["params"], line["theory"], "--", color=INK, linewidth=0.9, label="theory")


def _signs(axes: Axes, part: pd.DataFrame) -> None:
    for look, line in _lines(part[part["estimator"] == "spsa"]):
        axes.plot(line["params"], line["sign_share"], **look)
    coins = part[part["estimator"] == "random"].groupby("params", as_index=False)["sign_share"].mean()
    axes.plot(coins["params"], coins["sign_share"], "p-.", color=MUTED, markersize=4, label="placebo: coins")
    axes.axhline(0.5, color=MUTED, linewidth=0.7)


def _lines(part: pd.DataFrame) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """A look and means over seeds by params, for every number of directions and mode of the probe."""
    for shade, (directions, of_number) in zip(SHADES, part.groupby("directions"), strict=False):
        for statistics, found in of_number.groupby("statistics", sort=False):
            running = statistics == "running"
            look = {"color": shade, "marker": "o", "markersize": 4, "linewidth": 1.4}
            look |= {"linestyle": "-" if running else ":", "fillstyle": "full" if running else "none"}
            look["label"] = _named(directions) + ("" if running else ", batch statistics")
            yield look, found.groupby("params", as_index=False).mean(numeric_only=True)


def _named(directions: Any) -> str:
    return "1 direction" if directions == 1 else f"{directions} directions"


def describe(probe: pd.DataFrame) -> str:
    """The cosines over the largest trunk of every source, and the shares of right signs, in words."""
    spsa = probe[(probe["estimator"] == "spsa") & ~probe["layer_normalised"]]
    largest = spsa[spsa["params"] == spsa.groupby(["source", "method"])["params"].transform("max")]
    parts = [
        f"{r['source']} ({r['params']} parameters, {_named(r['directions'])}, {r['statistics']} statistics) "
        f"{r['cosine']:.2g}, theory {r['theory']:.2g}, right side {r['sign_share']:.0%}"
        for r in largest.to_dict("records")
    ]
    words = "Cosine between the SPSA estimate and the exact gradient: " + "; ".join(parts)
    # What the probe adds to the whole perturbation, which mixes in the global gradient, over the placebo's.
    whole = probe[probe["layer_normalised"] & (probe["source"] == "trained") & (probe["statistics"] == "running")]
    whole = whole[whole["directions"] == probe["directions"].min()]
    means = whole[whole["params"] == whole["params"].max()].groupby("estimator")["perturbation"].mean()
    if {"spsa", "random"} <= set(means.index):
        words += f". Cosine between the whole perturbation and the task gradient, trained: {means['spsa']:.4f}, "
        words += f"with a coin for the probe {means['random']:.4f}"
    return words
