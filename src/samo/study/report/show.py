"""What `samo show` prints: a dataset's main table, or all that is known of one of its methods."""

from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from samo.results.tables import Run, choices, limits, metric_columns, text
from samo.study import store
from samo.study.config import Params
from samo.study.config.conditions import Cell
from samo.study.runs import results

TABLES = Path("reports/tables")
SHOWN = results.Columns("method", numbers=("delta_m", "delta_m_low", "delta_m_high", "gain", "mean_rank"))
WIDE = 18
"""Columns that a metric takes on the screen; where not all of them fit, `samo show DATASET METHOD` has them."""


def show(root: Path, params: Params, dataset: str, method: str | None = None, console: Console | None = None) -> None:
    """Print a dataset's table, or one method's choice, trials and test values seed by seed.

    Raises:
        ValueError: the profile has no such dataset, or no such method on it.
        FileNotFoundError: it was not run yet.
    """
    if dataset not in params.datasets:
        raise ValueError(f"no dataset {dataset!r} in params.yaml: it has {', '.join(params.datasets)}")
    out = console or Console()
    if method is None:
        out.print(_main(results.read_rows(store.needed(root, TABLES / f"{dataset}.csv"), SHOWN), dataset, out.width))
        return
    if method not in (known := params.methods_on(dataset)):
        raise ValueError(f"no method {method!r} on {dataset}: there are {', '.join(known)}")
    for table in _method(results.read_metrics(store.needed(root, Cell(dataset, method).runs / "metrics.json"))):
        out.print(table)


def _main(table: pd.DataFrame, dataset: str, width: int) -> Table:
    """The main table; with the metrics themselves where the screen has room for them."""
    metrics = metric_columns(table)
    fits = 70 + WIDE * len(metrics) <= width
    heads = ["method", "Δm %", "95 %", "Δm − base", "rank", *(metrics if fits else []), *choices(table)]
    shown = Table(*heads, title=f"{dataset}: test results, lower Δm is better", title_justify="left", box=None)
    for column in shown.columns[1:]:
        column.justify = "right"
    for row in table.to_dict("records"):
        values = [f"{text(row[m], 2)} ± {text(row[f'{m} high'] - row[m], 2)}" for m in metrics] if fits else []
        cells = [text(row["delta_m"], 2), limits(row, "delta_m"), text(row["gain"], 2), text(row["mean_rank"], 1)]
        shown.add_row(Text(row["method"]), *cells, *values, *(text(row[name]) for name in choices(table)))
    return shown


def _method(run: Run) -> list[Table]:
    """The test values, a column a seed, and the trials of the search with the choice marked."""
    seeds, chosen = run["seeds"], run["search"]["chosen"]
    values = Table("task", "metric", *(f"seed {seed}" for seed in seeds), box=None)
    values.title, values.title_justify = f"{run['dataset']} / {run['method']}: test values", "left"
    for m in run["metrics"]:
        own = [text(by_task.get(m["task"], {}).get(m["metric"]), 3) for by_task in seeds.values()]
        values.add_row(Text(m["task"]), Text(f"{m['metric']}, {m['unit']}".rstrip(", ")), *own)
    names = list(chosen)
    trials = Table(*names, "validation score", "", box=None, title="tried on validation data", title_justify="left")
    for trial in run["search"]["trials"]:
        mark = "chosen" if [trial[name] for name in names] == [chosen[name] for name in names] else ""
        trials.add_row(*(text(trial[name]) for name in names), text(trial["score"], 3), mark)
    if not run["search"]["trials"]:
        trials.add_row(*(text(chosen[name]) for name in names), "nothing to choose", "given")
    return [values, trials]
