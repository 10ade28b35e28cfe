"""Variants of a method that the papers left open, side by side: what each gains, and at what price."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from samo.figures import forest
from samo.figures.palette import label
from samo.figures.style import grid, spoken_rows
from samo.results.tables import text

WORDS = {
    "adaptive True": "ASAM's ball",
    "alpha adaptive": "adaptive α",
    "estimator guided": "guided probes",
    "every 5": "every fifth step",
}


def draw(variants: pd.DataFrame) -> Figure:
    """A panel per dataset, a row per method: its gain with 95 % interval, from samo.results.ladder.variants."""
    parts = variants.groupby(["dataset", "updates"], sort=False)
    figure, [panels] = grid(1, len(parts), 0.9 + 0.26 * int(parts.size().max()))
    for axes, ((dataset, updates), part) in zip(panels, parts, strict=True):
        forest.intervals(axes, part, range(len(part)), "gain")
        axes.set_yticks(range(len(part)), [f"{name(row)} ({row['units']:.1f}×)" for row in part.to_dict("records")])
        axes.invert_yaxis()
        axes.set_title(f"{label(str(dataset))}, {updates:,} updates")
    figure.supxlabel("gain over the aggregator alone, points of Δm (right of the line: better)", fontsize=9.5)
    return figure


def name(row: Mapping[Any, Any]) -> str:
    """A row as people say it: "SAMO, adaptive α"."""
    said = WORDS.get(row["setting"], row["setting"].replace("alpha ", "α ")) if row["setting"] else ""
    return ", ".join(filter(None, (label(row["sharpness"]), said)))


def describe(variants: pd.DataFrame) -> str:
    rows = variants.assign(name=[f"{name(row)}, rho {text(row['rho'])}" for row in variants.to_dict("records")])
    said = spoken_rows(rows, "gain", "dataset", "name")
    return "Gain over the aggregator alone in points of Δm, 95 % intervals: " + "; ".join(said)
