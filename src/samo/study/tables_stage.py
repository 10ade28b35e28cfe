"""The stages `analyse@…-conflict` and `tables`: the cells' files in, tables and figures out.

Which cells there are is told by the caller, who reads params.yaml: a method that was removed there must
vanish from every table, whatever files it left behind.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from samo import tables
from samo.analysis.conflict import conflict
from samo.figures import cost, curves, forest, search
from samo.figures.style import svg
from samo.study import store

Pairs = Iterable[tuple[str, str]]
Histories = Mapping[str, pd.DataFrame | None]

CURVE_ROWS = 6
"""Above this many series per panel column, metrics are averaged over tasks before they are drawn."""


def by_dataset(pairs: Pairs) -> dict[str, list[str]]:
    """{dataset: [method, …]} in the order of the cells."""
    out: dict[str, list[str]] = {}
    for dataset, method in pairs:
        out.setdefault(dataset, []).append(method)
    return out


def read_runs(root: Path, dataset: str, methods: Iterable[str]) -> dict[str, tables.Run | None]:
    """Each method's parsed metrics.json, or None where the cell has not been run."""
    files = {method: root / "data" / "runs" / dataset / method / "metrics.json" for method in methods}
    return {method: store.read_json(file) if file.exists() else None for method, file in files.items()}


def read_histories(root: Path, dataset: str, methods: Iterable[str]) -> dict[str, pd.DataFrame | None]:
    """Each method's history.csv, or None where the cell has not been run."""
    files = {method: root / "data" / "runs" / dataset / method / "history.csv" for method in methods}
    return {method: pd.read_csv(file) if file.exists() else None for method, file in files.items()}


def write_conflict(root: Path, dataset: str, pairs: Pairs) -> pd.DataFrame:
    """Summarise task-gradient agreement of one dataset into data/analysis/<dataset>/conflict.csv."""
    table = conflict(read_histories(root, dataset, by_dataset(pairs).get(dataset, [])))
    store.write_text(root / "data" / "analysis" / dataset / "conflict.csv", csv(table))
    return table


def write_tables(root: Path, pairs: Pairs) -> dict[str, pd.DataFrame]:
    """Write everything under reports/tables and reports/figures; returns the main table of each dataset."""
    out = root / "reports" / "tables"
    mains: dict[str, pd.DataFrame] = {}
    all_curves: list[pd.DataFrame] = []
    all_trials: list[pd.DataFrame] = []
    for dataset, methods in by_dataset(pairs).items():
        runs = read_runs(root, dataset, methods)
        main, trials = tables.main(runs), tables.search(runs)
        series = tables.curves(read_histories(root, dataset, methods))
        store.write_text(out / f"{dataset}.csv", csv(main))
        store.write_text(out / f"{dataset}.md", tables.markdown(main))
        write_figures(root, dataset, runs, main, series, trials)
        mains[dataset] = main
        all_curves.append(series.assign(dataset=dataset))
        all_trials.append(trials.assign(dataset=dataset))
    store.write_json(out / "metrics.json", tables.nested(mains))
    for name, frames in (("curves", all_curves), ("search", all_trials)):
        whole = pd.concat(frames) if frames else pd.DataFrame()
        columns = sorted(whole.columns, key=lambda column: column != "dataset")
        store.write_text(out / f"{name}.csv", csv(whole[columns]))
    return mains


def write_figures(
    root: Path,
    dataset: str,
    runs: tables.Runs,
    main: pd.DataFrame,
    series: pd.DataFrame,
    trials: pd.DataFrame,
) -> None:
    """Write each figure of a dataset as <dataset>-<figure>.svg with its numbers (.csv) and its words (.txt).

    A figure whose numbers are missing is left out, and an old one of that name removed.
    """
    test = series[series["split"] == "test"]
    rows = curve_rows(runs)
    shown = test[
        [(t, m) in {(r.task, r.metric) for r in rows} for t, m in zip(test["task"], test["metric"], strict=True)]
    ]
    what = "Test metrics over epochs, mean and 95 % band over seeds"
    _write(root, f"{dataset}-forest", main, lambda: forest.draw(main), forest.describe(main))
    _write(root, f"{dataset}-curves", shown, lambda: curves.draw(main, shown, rows), curves.describe(shown, what))
    _write(root, f"{dataset}-search", trials, lambda: search.draw(trials), search.describe(trials))

    found = _analysis(root, dataset, "conflict")
    agreement = found[found["metric"].isin(["cosine_mean", "conflict_share"])].assign(task="all")
    _write(
        root, f"{dataset}-conflict", agreement, lambda: curves.draw(main, agreement, CONFLICT_ROWS),
        curves.describe(
            agreement[agreement["metric"] == "cosine_mean"], "Mean cosine between task gradients over epochs"
        ),
    )  # fmt: skip
    price = _analysis(root, dataset, "cost")
    price = price[price["method"].isin(main["method"])]
    _write(root, f"{dataset}-cost", price, lambda: cost.draw(main, price), cost.describe(price))


CONFLICT_ROWS = [
    curves.Row("all", "cosine_mean", "mean cosine between task gradients", 0.0),
    curves.Row("all", "conflict_share", "share of task pairs in conflict (cosine < 0)"),
]


def curve_rows(runs: tables.Runs) -> list[curves.Row]:
    """One row of panels a task and metric, as the first run that there is lists them."""
    run = next((run for run in runs.values() if run), None)
    if run is None:
        return []
    return [
        curves.Row(m["task"], m["metric"], f"{m['task']}: test {m['metric']}, {m['unit']}".rstrip(", "))
        for m in run["metrics"]
    ]


def csv(frame: pd.DataFrame) -> str:
    """A frame as CSV text with six significant digits."""
    return frame.to_csv(index=False, float_format="%.6g", lineterminator="\n")


def _analysis(root: Path, dataset: str, name: str) -> pd.DataFrame:
    path = root / "data" / "analysis" / dataset / f"{name}.csv"
    return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["method", "metric"])


def _write(root: Path, name: str, data: pd.DataFrame, draw: Callable[[], Figure], words: str) -> None:
    stem = root / "reports" / "figures" / name
    texts = {"svg": "", "csv": "", "txt": ""} if data.empty else {"svg": svg(draw), "csv": csv(data), "txt": words}
    for ending, text in texts.items():
        path = stem.with_name(f"{stem.name}.{ending}")
        if text:
            store.write_text(path, text)
        else:
            path.unlink(missing_ok=True)
