"""What sharpness adds to the same aggregator, on several datasets side by side."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from samo.figures import forest
from samo.figures.palette import label
from samo.figures.style import grid

COLUMNS = ["dataset", "method", "aggregator", "sharpness", "n_seeds", "gain", "gain_low", "gain_high"]


def table(mains: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The rows of main tables (`samo.results.tables.main`) that have a gain, of the methods that every dataset has."""
    found = [main[main["gain"].notna()].assign(dataset=dataset) for dataset, main in mains.items() if "gain" in main]
    if not found:
        return pd.DataFrame(columns=COLUMNS)
    rows = pd.concat(found, ignore_index=True)[COLUMNS]
    on = rows.groupby("method")["dataset"].nunique()
    return rows[rows["method"].isin(on[on == rows["dataset"].nunique()].index)].reset_index(drop=True)


def draw(gains: pd.DataFrame) -> Figure:
    """A panel a dataset, each with a scale of its own; a row a method, grouped by aggregator."""
    datasets = list(dict.fromkeys(gains["dataset"]))
    parts = [forest.joint(gains[gains["dataset"] == dataset].assign(networks="shared")) for dataset in datasets]
    at, groups = forest.places(parts[0])
    figure, [panels] = grid(1, len(datasets), 1.1 + 0.27 * (max(at) + 1), sharey=True)
    for axes, dataset, rows in zip(panels, datasets, parts, strict=True):
        forest.intervals(axes, rows, at, "gain", ticks=4)
        broken = label(dataset).replace("+", "\n+ ")  # a panel is narrow
        axes.set_title(f"{broken}\n{int(rows['n_seeds'].max())} seeds")
    forest.label_rows(panels[0], parts[0], at, groups)
    figure.supxlabel(
        "Δm minus that of the same aggregator alone, points (left of the line: sharpness helps)", fontsize=9.5
    )
    return figure


def describe(gains: pd.DataFrame) -> str:
    """Every point in words."""
    points = [
        f"{row['dataset']} {row['method']} {row['gain']:.2f} ({row['gain_low']:.2f} to {row['gain_high']:.2f})"
        for row in gains.to_dict("records")
    ]
    return (
        "Delta-m minus that of the same aggregator without sharpness, in points with 95 % intervals, below zero "
        "sharpness helps: " + "; ".join(points)
    )
