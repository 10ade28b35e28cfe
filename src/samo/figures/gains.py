"""What sharpness adds to the same aggregator, on several datasets side by side."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from samo.figures import forest
from samo.figures.palette import label
from samo.figures.style import grid, spoken_rows

COLUMNS = ["dataset", "method", "aggregator", "sharpness", "n_seeds", "gain", "gain_low", "gain_high"]
WHAT = "gain over the same aggregator alone, points of Δm (right of the line: better)"


def table(mains: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The rows of main tables (`samo.results.tables.main`) that have a gain, of the methods that every dataset has."""
    found = [main[main["gain"].notna()].assign(dataset=dataset) for dataset, main in mains.items() if "gain" in main]
    if not found:
        return pd.DataFrame(columns=COLUMNS)
    rows = pd.concat(found, ignore_index=True)[COLUMNS]
    on = rows.groupby("method")["dataset"].transform("nunique")
    return rows[on == rows["dataset"].nunique()].reset_index(drop=True)


def draw(gains: pd.DataFrame) -> Figure:
    """A panel per dataset, each with a scale of its own; a row per method, grouped by aggregator."""
    parts = {str(dataset): forest.joint(part) for dataset, part in gains.groupby("dataset", sort=False)}
    first = next(iter(parts.values()))
    at = forest.places(first)
    figure, [panels] = grid(1, len(parts), 1.1 + 0.27 * (max(at) + 1), sharey=True)
    for axes, (dataset, rows) in zip(panels, parts.items(), strict=True):
        forest.intervals(axes, rows, at, "gain", ticks=4)
        broken = label(dataset).replace("+", "\n+ ")  # a panel is narrow
        axes.set_title(f"{broken}\n{int(rows['n_seeds'].max())} seeds")
    forest.label_rows(panels[0], first, at)
    figure.supxlabel(WHAT, fontsize=9.5)
    return figure


def describe(gains: pd.DataFrame) -> str:
    return f"{WHAT}, with 95 % intervals: " + "; ".join(spoken_rows(gains, "gain", "dataset", "method"))
