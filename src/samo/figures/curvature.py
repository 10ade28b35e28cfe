"""How curved the loss is at the trained weights: largest eigenvalue, its ratio to the fifth, and the spectrum."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from samo.figures.curves import lines
from samo.figures.forest import by_aggregator, joint, label_rows, places
from samo.figures.palette import INK, look
from samo.figures.style import WIDTH, headed, named, plain_log
from samo.results.stats import mean_interval, summarise
from samo.results.tables import text

PANELS = {
    "lambda_max": ("Largest eigenvalue", "λ₁ of the Hessian over the trunk (left: flatter)"),
    "lambda_ratio5": ("Largest over fifth", "λ₁ / λ₅ (left: spread over more directions)"),
}
"""Measure -> title, and what the axis shows."""


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """The average loss's eigenvalues as they are drawn: method, seed, measure, value, low, high, draws, residual.

    `rows` are those of data/analysis/<dataset>/curvature.csv. Value, low and high are mean, least and largest of the
    draws, which are the same for every method.
    """
    kept = rows[(rows["task"] == "all") & (rows["measure"].isin(PANELS) | rows["measure"].str.startswith("eig_"))]
    draws = kept.groupby(["method", "seed", "measure"], sort=False)
    value, residual = ("value", "mean"), ("residual", "max")
    spans = {"low": ("value", "min"), "high": ("value", "max"), "draws": ("value", "size")}
    return draws.agg(value=value, **spans, residual=residual).reset_index()


def draw(table: pd.DataFrame, seeds: pd.DataFrame) -> Figure:
    """Above, a row per method, grouped by aggregator: a dot per seed, mean and 95 % interval. Below, the mean spectra.

    `table` is a main table, `seeds` a frame of `shown`. A thin line through a dot spans the draws of training data.
    """
    rows = joint(table)
    rows = rows[rows["method"].isin(seeds["method"])]
    at = places(rows)
    upper = 0.9 + 0.27 * (max(at, default=1) + 1)
    figure = Figure(figsize=(WIDTH, upper + 2.5), layout="constrained")
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=[upper, 2.5])[:, 0]
    panels = list(above.subplots(1, 2, squeeze=False, sharey=True)[0])
    for axes, (name, (title, words)) in zip(panels, PANELS.items(), strict=True):
        _dots(axes, rows, at, seeds[seeds["measure"] == name])
        axes.set(title=title, xlabel=words)
    label_rows(panels[0], rows, at)
    eigenvalues = seeds[seeds["measure"].str.startswith("eig_")]
    eigenvalues = eigenvalues.assign(number=eigenvalues["measure"].str.removeprefix("eig_").astype(int))
    means = summarise(eigenvalues, ["method", "number"]).drop(columns=["low", "high"])
    parts = by_aggregator(rows)
    spectra = list(below.subplots(1, len(parts), squeeze=False, sharey=True)[0])
    for axes, (name, part) in zip(spectra, parts, strict=True):
        lines(axes, part, means, "number", "mean")
        axes.set_title(name, pad=18)
        axes.set_xlabel("number of the eigenvalue")
    headed(spectra[0], "eigenvalue, mean over seeds")
    spectra[0].set_ylim(bottom=min(0.0, spectra[0].get_ylim()[0]))  # shared: after all lines are there
    named(figure, [spectra])
    return figure


def _dots(axes: Axes, rows: pd.DataFrame, at: list[int], seeds: pd.DataFrame) -> None:
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    found = seeds[seeds["value"] > 0]
    low, high = float(found["low"].min()), float(found["high"].max())
    if high > 8 * low > 0:
        axes.set_xscale("log")
        plain_log(axes.xaxis)
    for place, method, sharpness in zip(at, rows["method"], rows["sharpness"], strict=True):
        own, style = seeds[(seeds["method"] == method) & seeds["value"].notna()], look(sharpness, markersize=6)
        if own.empty:
            continue
        mean, dots = mean_interval(own["value"]), [place + 0.3] * len(own)
        axes.plot([mean.low, mean.high], [place, place], color=style["color"], linewidth=2.2, alpha=0.55)
        axes.plot(mean.mean, place, **style)
        axes.hlines(dots, own["low"], own["high"], color=style["color"], linewidth=0.8)
        axes.plot(own["value"], dots, "o", color=INK, markersize=2)
    if len(found):  # an interval that is wider than all seeds does not set the scale
        log, margin = axes.get_xscale() == "log", 0.08 * (high - low) or 0.1 * high
        axes.set_xlim(*((low / 1.2, high * 1.2) if log else (low - margin, high + margin)))


def describe(seeds: pd.DataFrame) -> str:
    parts = []
    for measure, (title, _) in PANELS.items():
        means = seeds[seeds["measure"] == measure].groupby("method", sort=False)["value"].mean()
        said = "; ".join(f"{name} {text(float(f'{mean:.3g}'))}" for name, mean in means.items())
        parts.append(f"{title}: {said}")
    return "Eigenvalues of the Hessian of the average loss over the trunk, means over seeds. " + ". ".join(parts)
