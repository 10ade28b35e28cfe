"""How much the settings matter: Delta-m against one changed field, relative to the default, a panel a field."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from samo.figures.palette import INK, colour, label, mark
from samo.figures.scale import ticks, usual
from samo.figures.style import grid, headed, legend
from samo.results.sensitivity import points
from samo.results.tables import text

ACROSS = 4
"""Panels in a row."""
WORDS = {
    "rho": "ρ, the radius",
    "alpha": "α, weight of the mean gradient",
    "mu": "μ, step of a probe",
    "normalise": "normalisation",
    "directions": "probe directions a task",
}
LOGARITHMIC = ("rho", "head_rho", "mu", "directions", "every")
"""Fields whose numbers are compared by their ratios."""
PLAIN = "the aggregator alone"

Limits = tuple[float, float] | None


class Panel(NamedTuple):
    """The points of one field on one aggregator; `places` says where each value lies on the x axis."""

    aggregator: str
    field: str
    rows: pd.DataFrame
    places: Mapping[str, float]
    numeric: bool


def draw(table: pd.DataFrame) -> Figure:
    """Delta-m minus that of the default, paired by seed, in points with 95 % intervals, all panels on one scale.

    `table` is that of samo.results.sensitivity.table; what lies on no line is left out. A panel per aggregator and
    field, a line per sharpness, its default ringed, at zero. The band is the aggregator without sharpness against
    that default. A point far beyond the others is written out at the edge.
    """
    found = panels(table)
    bands = table[(table["role"] == "base") & table["shift"].notna()]
    limits = usual(pd.concat([points(table).query("role == 'variant'"), bands]), "shift")
    across = min(ACROSS, max(len(found), 1))
    figure, rows = grid(max(math.ceil(len(found) / across), 1), across, 2.4, sharey=True)
    every = [axes for row in rows for axes in row]
    for axes, panel in zip(every, found, strict=False):
        _panel(axes, panel, bands[bands["aggregator"] == panel.aggregator], limits)
    for axes in every[len(found) :]:
        axes.set_axis_off()
    for row in rows:
        headed(row[0], "Δm − that of the default, points")
    if limits is not None:
        every[0].set_ylim(*limits)
    legend(figure, rows)
    return figure


def panels(table: pd.DataFrame) -> list[Panel]:
    """One an aggregator and field, in the order of the table."""
    return [
        Panel(str(aggregator), str(field), rows, *_places(rows))
        for (aggregator, field), rows in points(table).groupby(["aggregator", "field"], sort=False)
    ]


def _places(rows: pd.DataFrame) -> tuple[dict[str, float], bool]:
    """Numbers lie at themselves, words one after the other."""
    values = list(dict.fromkeys(rows["value"].astype(str)))
    numbers = pd.to_numeric(pd.Series(values), errors="coerce")
    numeric = bool(numbers.notna().all())
    where = numbers.tolist() if numeric else range(len(values))
    return {value: float(place) for value, place in zip(values, where, strict=True)}, numeric


def _panel(axes: Axes, panel: Panel, bands: pd.DataFrame, limits: Limits) -> None:
    axes.axhline(0, color=INK, linewidth=0.8)
    for sharpness, part in panel.rows.groupby("sharpness", sort=False):
        for band in bands[bands["sharpness"] == sharpness].to_dict("records"):
            _band(axes, band, colour(str(sharpness)))
        _line(axes, panel, str(sharpness), part)
        _beyond(axes, panel, part, limits)
    if panel.numeric:
        ticks(axes, sorted(panel.places.values()), log=panel.field in LOGARITHMIC)
        axes.margins(x=0.12)
    else:
        axes.set_xticks(list(panel.places.values()), list(panel.places))
        axes.set_xlim(-0.5, len(panel.places) - 0.5)
    axes.set_xlabel(WORDS.get(panel.field, panel.field.replace("_", " ")))
    name, *options = panel.aggregator.split()
    axes.set_title(" ".join([label(name), *options]), pad=18)


def _band(axes: Axes, band: Mapping[object, float], shade: str) -> None:
    if not pd.isna(band["shift_low"]):
        axes.axhspan(band["shift_low"], band["shift_high"], color=shade, alpha=0.10, linewidth=0)
    axes.axhline(band["shift"], color=shade, linewidth=1.2, linestyle=":", label=PLAIN)


def _line(axes: Axes, panel: Panel, sharpness: str, part: pd.DataFrame) -> None:
    shade, x = colour(sharpness), part["value"].astype(str).map(panel.places)
    axes.vlines(x, part["shift_low"], part["shift_high"], color=shade, linewidth=2.2, alpha=0.55)
    axes.plot(
        x, part["shift"], linestyle="-" if panel.numeric else "", marker=mark(sharpness), color=shade, linewidth=1.3,
        markersize=6, label=label(sharpness),
    )  # fmt: skip
    here = part["role"] == "default"
    axes.plot(x[here], part.loc[here, "shift"], "o", markersize=12, fillstyle="none", color=INK, label="default")


def _beyond(axes: Axes, panel: Panel, part: pd.DataFrame, limits: Limits) -> None:
    """Points off the scale in words, at the edge where they left it."""
    for row in part.to_dict("records") if limits else []:
        low, high = limits or (0.0, 0.0)
        if low <= row["shift"] <= high:
            continue
        up = row["shift"] > high
        axes.annotate(
            f"{text(row['shift'], 1)} {'↑' if up else '↓'}",
            (panel.places[str(row["value"])], high if up else low),
            xytext=(0, -2 if up else 2),
            textcoords="offset points",
            ha="center",
            va="top" if up else "bottom",
            fontsize="small",
            color=INK,
        )


def describe(table: pd.DataFrame) -> str:
    """Every point but the defaults, in words."""
    rows = points(table)
    said = [
        f"{r['sharpness']} on {r['aggregator']}, {r['field']} {r['value']}: {r['shift']:.2f} "
        f"({r['shift_low']:.2f} to {r['shift_high']:.2f})"
        for r in rows[rows["role"] == "variant"].to_dict("records")
    ]
    return "Delta-m of a changed setting minus that of the default, points, 95 % intervals: " + "; ".join(said)
