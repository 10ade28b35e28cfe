"""How much the settings matter: Delta-m against one changed field, relative to the default, a panel per field."""

import math
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from samo.figures.palette import INK, colour, label, look
from samo.figures.style import Limits, at_edge, grid, headed, legend, spoken_rows, ticks, usual
from samo.results.sensitivity import points
from samo.results.tables import text

ACROSS = 4  # panels in a row
WORDS = {
    "rho": "ρ, the radius",
    "alpha": "α, weight of the mean gradient",
    "mu": "μ, step of a probe",
    "normalise": "normalisation",
    "directions": "probe directions per task",
}
LOGARITHMIC = ("rho", "head_rho", "mu", "directions", "every")  # fields whose numbers are compared by their ratios
PLAIN = "the aggregator alone"


def draw(table: pd.DataFrame) -> Figure:
    """Delta-m minus that of the default, paired by seed, in points with 95 % intervals, all panels on one scale.

    `table` is that of samo.results.sensitivity.table; what lies on no line is left out. A panel per aggregator and
    field, a line per sharpness, its default ringed, at zero; the band is the aggregator without sharpness. A point far
    beyond is written at the edge.
    """
    found = points(table).groupby(["aggregator", "field"], sort=False)
    bands = table[(table["role"] == "base") & table["shift"].notna()]
    limits = usual(pd.concat([points(table).query("role == 'variant'"), bands]), "shift")
    across = min(ACROSS, max(len(found), 1))
    figure, rows = grid(max(math.ceil(len(found) / across), 1), across, 2.4, sharey=True)
    every = [axes for row in rows for axes in row]
    for axes in every[len(found) :]:
        axes.set_axis_off()
    for axes, ((aggregator, field), part) in zip(every, found, strict=False):
        _panel(axes, str(field), part, bands[bands["aggregator"] == aggregator], limits)
        name, *options = str(aggregator).split()
        axes.set_title(" ".join([label(name), *options]), pad=18)
    for row in rows:
        headed(row[0], "Δm − that of the default, points")
    if limits is not None:
        every[0].set_ylim(*limits)
    legend(figure, rows)
    return figure


def _panel(axes: Axes, field: str, rows: pd.DataFrame, bands: pd.DataFrame, limits: Limits) -> None:
    """Numbers lie at themselves, words one after the other."""
    values = rows["value"].astype(str)
    at = pd.to_numeric(values, errors="coerce")
    numeric = bool(at.notna().all())
    if not numeric:
        at = pd.Series(pd.factorize(values)[0], index=rows.index)
    axes.axhline(0, color=INK, linewidth=0.8)
    for name, part in rows.groupby("sharpness", sort=False):
        shade, x, default = colour(str(name)), at[part.index], part["role"] == "default"
        for band in bands[bands["sharpness"] == name].to_dict("records"):
            if not pd.isna(band["shift_low"]):
                axes.axhspan(band["shift_low"], band["shift_high"], color=shade, alpha=0.10, linewidth=0)
            axes.axhline(band["shift"], color=shade, linewidth=1.2, linestyle=":", label=PLAIN)
        axes.vlines(x, part["shift_low"], part["shift_high"], color=shade, linewidth=2.2, alpha=0.55)
        axes.plot(x, part["shift"], **look(str(name), linestyle="-" if numeric else "", markersize=6, linewidth=1.3))
        ring: dict[str, Any] = {"markersize": 12, "fillstyle": "none", "color": INK, "label": "default"}
        axes.plot(x[default], part.loc[default, "shift"], "o", **ring)
        for place, shift in zip(x, part["shift"], strict=True):
            if limits and not limits[0] <= shift <= limits[1]:  # in words, at the edge where it left the scale
                at_edge(axes, text(shift, 1), (place, shift), limits)
    if numeric:
        ticks(axes, sorted(set(at)), log=field in LOGARITHMIC)
        axes.margins(x=0.12)
    else:
        axes.set_xticks(range(at.max() + 1), list(dict.fromkeys(values)))
        axes.set_xlim(-0.5, at.max() + 0.5)
    axes.set_xlabel(WORDS.get(field, field.replace("_", " ")))


def describe(table: pd.DataFrame) -> str:
    rows = points(table)
    said = spoken_rows(rows[rows["role"] == "variant"], "shift", "sharpness", "aggregator", "field", "value")
    return "Delta-m of a changed setting minus that of the default, points, 95 % intervals: " + "; ".join(said)
