"""How much of a task's gradient its SPSA estimate holds, against the number of parameters."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from samo.figures.palette import COLOURS, INK, MUTED
from samo.figures.style import grid, headed, legend

SHADES = (COLOURS["samo"], COLOURS["gsam"], COLOURS["lsam"], COLOURS["fmtl"], COLOURS["msam"])
SOURCES = {"linear": "Linear losses", "init": "First weights", "trained": "Trained"}


def draw(probe: pd.DataFrame) -> Figure:
    """Mean cosine with its 95 % interval against parameters, as estimated and layer-normalised, theory dashed.

    A column a source. The last row has the share of estimates on the gradient's side, beside that of coins. A mean
    that is not positive has no place on a logarithmic scale and is left out.
    `probe` has source, method, estimator, statistics, layer_normalised, directions, params, cosine with limits, theory,
    sign_share.
    """
    columns = list(dict.fromkeys(zip(probe["source"], probe["method"], strict=True)))
    figure, panels = grid(3, len(columns), 2.2, sharex="col", sharey="row")
    for j, (source, method) in enumerate(columns):
        here = probe[(probe["source"] == source) & (probe["method"] == method)]
        spsa = here[here["estimator"] == "spsa"]
        for row, layered in zip(panels, (False, True), strict=False):
            _cosines(row[j], spsa[spsa["layer_normalised"] == layered])
        _signs(panels[2][j], here[~here["layer_normalised"]])
        title = SOURCES.get(source, source)
        panels[0][j].set_title(f"{title} ({method})" if source == "trained" else title, pad=18)
        panels[2][j].set_xlabel("parameters")
    for row, words in zip(
        panels,
        ("cosine, estimate and exact gradient", "the same after layer normalisation", "share with a positive cosine"),
        strict=True,
    ):
        headed(row[0], words)
    panels[0][0].set_yscale("log")
    panels[1][0].set_yscale("log")
    panels[2][0].set_ylim(min(0.4, float(probe["sign_share"].min()) - 0.03), 1.03)
    legend(figure, panels, columns=4)
    return figure


def _cosines(axes: Axes, part: pd.DataFrame) -> None:
    axes.set_xscale("log")
    for look, name, line in _lines(part):
        # Where the interval reaches down to zero, a logarithmic axis shows its upper half.
        below = (line["cosine"] - line["cosine_low"]).where(line["cosine_low"] > 0, 0.0)
        above = line["cosine_high"] - line["cosine"]
        seen = line["cosine"].where(line["cosine"] > 0)
        axes.errorbar(line["params"], seen, yerr=[below, above], elinewidth=1, label=name, **look)
        axes.plot(line["params"], line["theory"], "--", color=INK, linewidth=0.9, label="theory")


def _signs(axes: Axes, part: pd.DataFrame) -> None:
    axes.set_xscale("log")
    for look, name, line in _lines(part[part["estimator"] == "spsa"]):
        axes.plot(line["params"], line["sign_share"], label=name, **look)
    coins = part[part["estimator"] == "random"].groupby("params", as_index=False)["sign_share"].mean()
    axes.plot(coins["params"], coins["sign_share"], "p-.", color=MUTED, markersize=4, label="placebo: coins")
    axes.axhline(0.5, color=MUTED, linewidth=0.7)


def _lines(part: pd.DataFrame) -> Iterator[tuple[dict[str, Any], str, pd.DataFrame]]:
    """A look, a name and means over seeds by params, for every number of directions and mode of the probe."""
    for shade, (directions, of_number) in zip(SHADES, part.groupby("directions"), strict=False):
        for statistics, found in of_number.groupby("statistics", sort=False):
            running = statistics == "running"
            look: dict[str, Any] = {"color": shade, "marker": "o", "markersize": 4, "linewidth": 1.4}
            look |= {"linestyle": "-" if running else ":", "fillstyle": "full" if running else "none"}
            name = _named(directions) + ("" if running else ", batch statistics")
            yield look, name, found.groupby("params", as_index=False).mean(numeric_only=True)


def _named(directions: Any) -> str:
    return "1 direction" if directions == 1 else f"{directions} directions"


def describe(probe: pd.DataFrame) -> str:
    """The cosines over the largest trunk of every source, and the shares of right signs, in words."""
    spsa = probe[(probe["estimator"] == "spsa") & ~probe["layer_normalised"]]
    largest = spsa[spsa["params"] == spsa.groupby(["source", "method"])["params"].transform("max")]
    parts = [
        f"{r['source']} ({r['params']} parameters, {_named(r['directions'])}, {r['statistics']} statistics) "
        f"{r['cosine']:.2g}, "
        f"theory {r['theory']:.2g}, right side {r['sign_share']:.0%}"
        for r in largest.to_dict("records")
    ]
    words = "Cosine between the SPSA estimate and the exact gradient: " + "; ".join(parts)
    return words + _against_coins(probe[probe["layer_normalised"]])


def _against_coins(scaled: pd.DataFrame) -> str:
    """What the probe adds to the whole perturbation, that mixes the global gradient in, over the placebo's."""
    single = scaled[(scaled["directions"] == scaled["directions"].min()) & (scaled["source"] == "trained")]
    whole = single[(single["params"] == single["params"].max()) & (single["statistics"] == "running")]
    means = whole.groupby("estimator")["perturbation"].mean()
    if not {"spsa", "random"} <= set(means.index):
        return ""
    return (
        f". Cosine between the whole perturbation and the task gradient, trained: {means['spsa']:.4f}, "
        f"with a coin for the probe {means['random']:.4f}"
    )
