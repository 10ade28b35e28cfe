"""How curved the loss is at the trained weights: largest eigenvalue, its ratio to the fifth, and the spectrum."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, ScalarFormatter

from samo.figures.forest import joint, label_rows, places
from samo.figures.palette import INK, colour, label, mark
from samo.figures.style import WIDTH, headed, legend
from samo.results.stats import mean_interval, summarise
from samo.results.tables import text

PANELS = {"lambda_max": "Largest eigenvalue", "lambda_ratio5": "Largest over fifth"}


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """The average loss's eigenvalues as they are drawn: method, seed, measure, value, low, high, draws, residual.

    `rows` are those of data/analysis/<dataset>/curvature.csv. The value is the mean over the draws, low and
    high are the least and the largest of them. A seed has the same draws for every method.
    """
    names = ["method", "seed", "measure"]
    kept = rows[(rows["task"] == "all") & (rows["measure"].isin(PANELS) | rows["measure"].str.startswith("eig_"))]
    groups = kept.groupby(names, sort=False)
    return groups.agg(
        value=("value", "mean"),
        low=("value", "min"),
        high=("value", "max"),
        draws=("draw", "size"),
        residual=("residual", "max"),
    ).reset_index()


def draw(table: pd.DataFrame, seeds: pd.DataFrame) -> Figure:
    """Above, a row a method, grouped by aggregator: a dot a seed, mean and 95 % interval. Below, the mean spectra.

    `table` is a main table, `seeds` a frame of `shown`. A thin line through a dot spans the draws of training data.
    """
    rows = joint(table)
    rows = rows[rows["method"].isin(seeds["method"])]
    at, groups = places(rows)
    aggregators = list(dict.fromkeys(rows["aggregator"])) or [""]
    upper = 0.9 + 0.27 * (max(at, default=1) + 1)
    figure = Figure(figsize=(WIDTH, upper + 2.5), layout="constrained")
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=[upper, 2.5])[:, 0]
    panels = list(above.subplots(1, 2, squeeze=False, sharey=True)[0])
    for axes, (name, title) in zip(panels, PANELS.items(), strict=True):
        _dots(axes, rows, at, seeds[seeds["measure"] == name])
        axes.set_title(title)
    panels[0].set_xlabel("λ₁ of the Hessian over the trunk (left: flatter)")
    panels[1].set_xlabel("λ₁ / λ₅ (left: spread over more directions)")
    label_rows(panels[0], rows, at, groups)
    spectra = list(below.subplots(1, len(aggregators), squeeze=False, sharey=True)[0])
    for axes, aggregator in zip(spectra, aggregators, strict=True):
        _spectra(axes, rows[rows["aggregator"] == aggregator], seeds)
        axes.set_title(label(aggregator), pad=18)
        axes.set_xlabel("number of the eigenvalue")
        headed(axes, "eigenvalue, mean over seeds" if axes is spectra[0] else "")
    spectra[0].set_ylim(bottom=min(0.0, spectra[0].get_ylim()[0]))  # shared: after all lines are there
    legend(figure, [spectra])
    return figure


def _dots(axes: Axes, rows: pd.DataFrame, at: list[int], seeds: pd.DataFrame) -> None:
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    found = seeds[seeds["value"] > 0]
    if len(found):
        low, high = float(found["low"].min()), float(found["high"].max())
        if high > 8 * low > 0:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
            axes.xaxis.set_major_formatter(ScalarFormatter())
            axes.set_xlim(low / 1.2, high * 1.2)
        else:
            margin = 0.08 * (high - low) or 0.1 * high
            axes.set_xlim(low - margin, high + margin)
    for place, method, sharpness in zip(at, rows["method"], rows["sharpness"], strict=True):
        own, shade = seeds[(seeds["method"] == method) & seeds["value"].notna()], colour(sharpness)
        if own.empty:
            continue
        mean = mean_interval(own["value"])
        axes.plot([mean.low, mean.high], [place, place], color=shade, linewidth=2.2, alpha=0.55)
        axes.plot(mean.mean, place, mark(sharpness), color=shade, markersize=6)
        dots = [place + 0.3] * len(own)
        axes.hlines(dots, own["low"], own["high"], color=shade, linewidth=0.8)
        axes.plot(own["value"], dots, "o", color=INK, markersize=2)


def _spectra(axes: Axes, rows: pd.DataFrame, seeds: pd.DataFrame) -> None:
    part = seeds[seeds["measure"].str.startswith("eig_")]
    part = part.assign(number=part["measure"].str.removeprefix("eig_").astype(int))
    for method, sharpness in zip(rows["method"], rows["sharpness"], strict=True):
        line = summarise(part[part["method"] == method], ["number"]).sort_values("number")
        axes.plot(
            line["number"], line["mean"], marker=mark(sharpness), color=colour(sharpness), linewidth=1.6, markersize=4,
            markevery=max(1, len(line) // 8), label=label(sharpness),
        )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.margins(x=0.06)


def describe(seeds: pd.DataFrame) -> str:
    """Every method's mean largest eigenvalue in words."""
    parts = [
        f"{words}: " + "; ".join(f"{name} {text(float(f'{mean:.3g}'))}" for name, mean in _means(seeds, measure))
        for measure, words in PANELS.items()
    ]
    return "Eigenvalues of the Hessian of the average loss over the trunk, means over seeds. " + ". ".join(parts)


def _means(seeds: pd.DataFrame, measure: str) -> list[tuple[str, float]]:
    return list(seeds[seeds["measure"] == measure].groupby("method", sort=False)["value"].mean().items())  # type: ignore[arg-type]
