"""The stage `tables`: the cells' files in, tidy tables out.

Which cells there are is told by the caller, who reads params.yaml: a method that was removed there must vanish
from every table, whatever files it left behind.
"""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from samo.results import best, sensitivity, tables
from samo.study import store
from samo.study.runs.formats import csv_text as csv
from samo.study.runs.results import read_histories, read_runs

Pairs = Iterable[tuple[str, str]]
"""The cells as (dataset, method), in the order of params.yaml."""

TOYS = Path("data/analysis/toys")
"""Where the stage `toys` writes."""


def by_dataset(pairs: Pairs) -> dict[str, list[str]]:
    """{dataset: [method, …]} in the order of the cells."""
    out: dict[str, list[str]] = {}
    for dataset, method in pairs:
        out.setdefault(dataset, []).append(method)
    return out


def write_tables(root: Path, pairs: Pairs, variants: Pairs = ()) -> dict[str, pd.DataFrame]:
    """Write reports/tables whole; returns the main table of each dataset.

    <dataset>.csv and .md hold the main table, <dataset>-measures.csv what its metric columns are,
    <dataset>-best.csv which method is bold in each column (`samo.results.best`), <dataset>-sensitivity.csv and .md
    the variants (`samo.results.sensitivity`) where there are some, curves.csv and search.csv the curves and trials
    of all datasets, metrics.json the numbers that `dvc metrics show` prints, and toys.csv where the walks over the
    toys end.

    Args:
        root: the project's folder.
        pairs: the cells of the main tables, curves and trials.
        variants: the cells beside them.
    """
    varied = by_dataset(variants)
    mains: dict[str, pd.DataFrame] = {}
    curves: list[pd.DataFrame] = []
    trials: list[pd.DataFrame] = []
    with store.whole_folder(root / "reports/tables") as out:
        for dataset, methods in by_dataset(pairs).items():
            runs = read_runs(root, dataset, methods)
            mains[dataset] = tables.main(runs)
            store.write_text(out / f"{dataset}.csv", csv(mains[dataset]))
            store.write_text(out / f"{dataset}.md", tables.markdown(mains[dataset]))
            store.write_text(out / f"{dataset}-measures.csv", csv(tables.measures(runs)))
            store.write_text(out / f"{dataset}-best.csv", csv(best.table(runs)))
            settings = sensitivity.table(runs, read_runs(root, dataset, varied.get(dataset, [])))
            if len(settings):
                store.write_text(out / f"{dataset}-sensitivity.csv", csv(settings))
                store.write_text(out / f"{dataset}-sensitivity.md", sensitivity.markdown(settings))
            series = tables.curves(read_histories(root, dataset, methods))
            curves.append(_first(series, dataset))
            trials.append(_first(tables.search(runs), dataset))
        store.write_json(out / "metrics.json", tables.nested(mains))
        store.write_text(out / "curves.csv", csv(pd.concat(curves)))
        store.write_text(out / "search.csv", csv(pd.concat(trials)))
        if (root / TOYS / "ends.csv").exists():
            store.write_text(out / "toys.csv", (root / TOYS / "ends.csv").read_text())
    return mains


def _first(frame: pd.DataFrame, dataset: str) -> pd.DataFrame:
    return frame.assign(dataset=dataset)[["dataset", *frame.columns]]
