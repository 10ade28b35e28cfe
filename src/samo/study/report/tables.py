"""The report's tables, built from the study's frames: results, ablations, settings, costs, claims, notebooks."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from samo.claims.table import ALL, POOLED, effect
from samo.figures.palette import colour, label, spoken
from samo.results.tables import choices, is_reference, left_out, metric_columns
from samo.study.report.figures import VARIABLES
from samo.study.report.table import Cell, Table, interval, number, verdict, width

SILENT = ["not run", "not testable"]  # verdicts without a comparison
CHOICES = {"lr": "learning rate", "rho": "ρ", "alpha": "α"}
COMPARISONS = {"second run": "comparisons-second", "reference run": "comparisons", "this run": "comparisons-here"}
"""Run -> the name of its table of comparisons."""


def main(
    dataset: str,
    table: pd.DataFrame,
    measures: pd.DataFrame,
    best: Mapping[str, str],
    metrics: bool = True,
    chosen: bool = False,
) -> Table:
    """The main table, STL first; its note names the gaps, and the metrics that Delta-m leaves out.

    `table` and `measures` are frames of `samo.results.tables`, `best` maps a column to the method that is bold there.
    `metrics` and `chosen` say whether the metrics, and what was chosen on validation data, have columns.
    """
    names = metric_columns(table) if metrics else []
    picks = choices(table) if chosen else []
    columns = ["method", "delta_m", "gain", "mean_rank", *names, *picks]
    rows = []
    for row in _methods(table):
        cells = [method(row), interval(row, "delta_m"), interval(row, "gain"), number(row.get("mean_rank"), 1)]
        cells += [*(width(row, name) for name in names), *(number(row.get(name)) for name in picks)]
        bold = [best.get(column) == row["method"] for column in columns]
        rows.append([replace(cell, kind="best") if first else cell for cell, first in zip(cells, bold, strict=True)])
    units = {f"{m['task']} {m['metric']}": m["unit"] for m in measures.fillna("").to_dict("records")}
    heads = ["method", "Δm, %", "gain", "mean rank", *(f"{m}, {units.get(m, '')}".rstrip(", ") for m in names), *picks]
    missing, gone = table.loc[table["n_seeds"] == 0, "method"], left_out(table)
    notes = [f"Not run, or failed: {', '.join(missing)}."] * bool(len(missing))
    notes += [f"Δm is without {', '.join(gone)}: single-task training is at 0 there."] * bool(gone)
    title = f"{label(dataset)}: test results, means over seeds with 95 % intervals"
    return Table(f"{dataset}-main", title, heads, rows, note=" ".join(notes))


def ablation(dataset: str, table: pd.DataFrame, sharpness: Sequence[str]) -> Table:
    """Delta-m of each aggregator (rows) under each of these sharpnesses (columns), if it has run with one of them."""
    rows = []
    joint = table[~is_reference(table)].reindex(columns=table.columns.union(["aggregator"]))
    for aggregator, part in joint.groupby("aggregator", sort=False):
        found = {row["sharpness"]: row for row in reversed(part.to_dict("records"))}
        if set(sharpness[1:]) & set(found):
            shown = label(str(aggregator))
            rows.append([Cell(shown, shown), *(interval(found.get(name, {}), "delta_m") for name in sharpness)])
    heads = [label(name) for name in sharpness]
    title = f"{label(dataset)}: Δm in % with 95 % intervals, {', '.join(heads)}"
    return Table(f"{dataset}-{'-'.join(sharpness)}", title, ["aggregator", *heads], rows)


def settings(dataset: str, table: pd.DataFrame, field: str = "") -> Table:
    """The variants of one field, or of all, with their default; `table` is that of samo.results.sensitivity.table."""
    rows = []
    for row in table[(table["field"] == field) | (field == "")].fillna({"field": "", "value": ""}).to_dict("records"):
        setting = f"{row['field']} = {row['value']}" if row["field"] else "without sharpness" * (row["role"] == "base")
        setting += " (default)" * (row["role"] == "default")
        known = isinstance(row["aggregator"], str)
        said = spoken(row["aggregator"].split(" ")[0], row["sharpness"]) if known else ""
        numbers = [interval(row, "delta_m"), interval(row, "shift"), number(row["lr"]), number(row["rho"])]
        rows.append([Cell(row["method"], small=said, code=True), Cell(setting), *numbers])
    title = f"{label(dataset)}: {field or 'settings'}, with 95 % intervals"
    heads = ["method", "setting", "Δm, %", "Δm − default", "learning rate", "ρ"]
    return Table(f"{dataset}-{field or 'settings'}", title, heads, rows)


def choice(dataset: str, table: pd.DataFrame) -> Table:
    """What the search chose for each method."""
    names = choices(table)
    found = _methods(table)
    rows = [[method(row), *(number(row.get(name)) for name in names), number(row["n_seeds"], 0)] for row in found]
    heads = ["method", *(CHOICES[name] for name in names), "seeds"]
    return Table(f"{dataset}-choice", f"{label(dataset)}: chosen on validation data", heads, rows, "short")


def cost(dataset: str, cost: pd.DataFrame) -> Table:
    """What a step costs, and how much more than its base method's, with loading and without."""
    digits = {"step_ms": 2, "ratio": 2, "count_ratio": 2, "extra_percent": 0, "extra_percent_loaded": 0, "memory_mb": 2}
    heads = ["method", "step, ms", "× LS", "× LS by count", "over its base, %", "with loading, %", "memory, MB"]
    rows = [
        [Cell(str(row["method"]), code=True), *(number(row.get(name), places) for name, places in digits.items())]
        for row in cost.to_dict("records")
    ]
    return Table(f"{dataset}-cost-table", f"{label(dataset)}: a step on this machine", heads, rows, "short")


def notebooks(rows: Sequence[tuple[str, str]]) -> Table:
    """Links to executed notebooks: (stage, file name without ending)."""
    cells = []
    for stage, name in rows:
        page = Cell("read", link=f"../executed/{name}.html", unseen=name)
        notebook = Cell("open", link=f"../executed/{name}.ipynb", unseen=f"{name} in Jupyter")
        cells.append([Cell(stage, stage, code=True), page, notebook])
    return Table("notebooks", "Executed notebooks", ["stage", "as a page", "as a notebook"], cells)


def beside_reference(dataset: str, ours: pd.DataFrame, theirs: pd.DataFrame) -> Table:
    """Delta-m and gain of the reference run (`theirs`) and of this run, both main tables; with a row per method."""
    runs = [{row["method"]: row for row in frame.to_dict("records")} for frame in (theirs, ours)]
    rows = []
    for name in runs[0] | runs[1]:
        found = [run.get(name, {}) for run in runs]
        pairs = [interval(row, column) for column in ("delta_m", "gain") for row in found]
        rows.append([Cell(str(name), code=True), *pairs, *(number(row.get("n_seeds") or None, 0) for row in found)])
    heads = [f"{what}: {run}" for what in ("Δm, %", "gain", "seeds") for run in ("reference run", "this run")]
    title = f"{label(dataset)}: the reference run and this run, with 95 % intervals"
    return Table(f"{dataset}-reference", title, ["method", *heads], rows)


def claims(judged: pd.DataFrame, shipped: Mapping[str, Mapping[int, str]]) -> Table:
    """A row per claim; each of the `shipped` runs (name -> claim -> verdict) has a column before that of this run."""
    rows = []
    for row in judged[judged["dataset"] == ALL].to_dict("records"):
        words = [*(known.get(row["number"], "not run") for known in shipped.values()), row["verdict"]]
        claim = [number(row["number"]), Cell(row["claim"], small=row["source"])]
        rows.append([*claim, *map(verdict, words), Cell(effect(row)), Cell(_text(row["why"]))])
    verdicts = [*shipped, "this run"] if shipped else ["verdict"]
    heads = ["no.", "claim", *verdicts, "pooled effect, 95 %", "why (this run)" if shipped else "why"]
    ids = [f"claim-{row[0].text}" for row in rows]
    return Table("claims", "The papers' claims, and ours", heads, rows, head=1, ids=ids)


def strip(runs: Mapping[str, pd.DataFrame]) -> Table:
    """The claims at a glance: a row per run (`COMPARISONS`) and dataset, a column per claim, with marks that are links.

    A mark leads to its comparison; if comparisons on a dataset do not agree, it is "undecided". Those over several
    datasets and on toys have no row.
    """
    rows, whole = [], pd.DataFrame(columns=["number", "claim"])
    for name, judged in runs.items():
        whole = judged[judged["dataset"] == ALL]
        apart = judged[~judged["dataset"].isin([ALL, POOLED, "toys"]) & judged["dataset"].map(str.isidentifier)]
        found = apart[apart["verdict"] != "not run"].groupby(["dataset", "number"], sort=False)["verdict"].unique()
        for dataset in found.index.unique("dataset"):
            said_on = label(dataset) if name == "reference run" else f"{label(dataset)}, {name}"
            cells = [Cell(said_on)]
            for claim, sentence in zip(whole["number"], whole["claim"], strict=True):
                said = found[dataset].get(claim, ["not run"])
                word = said[0] if len(said) == 1 else "undecided"
                there = f"claim-{claim}" if word in SILENT else f"{COMPARISONS[name]}-{claim}-{dataset}"
                words, mark = f"claim {claim} on {said_on}, {word}: {sentence}", verdict(word)
                cells.append(Cell(mark.text[0], kind=mark.kind, link=f"#{there}", unseen=words))
            rows.append(cells)
    return Table("strip", "The claims at a glance", ["claim", *map(str, whole["number"])], rows, "strip")


def comparisons(judged: pd.DataFrame, name: str, title: str) -> Table:
    """A row per comparison that was run."""
    run = judged[(judged["dataset"] != ALL) & ~judged["verdict"].isin(SILENT)]
    ids, rows = f"{name}-" + run["number"].astype(str) + "-" + run["dataset"], []
    for row in run.to_dict("records"):
        where = [number(row["number"]), *(Cell(_text(row[key])) for key in ("dataset", "base", "case"))]
        found = [replace(number(row["effect"]), text=effect(row)), Cell(_text(row["needs"])), number(row["seeds"], 0)]
        figure = _text(row["figure"])
        rows.append([*where, *found, verdict(row["verdict"]), Cell(figure, link=f"#{figure}" if figure else "")])
    heads = ["claim", "dataset", "base", "case", "effect (95 %)", "holds if", "seeds", "verdict", "figure"]
    return Table(name, title, heads, rows, ids=list(ids.where(~ids.duplicated(), "")))


def method(row: Mapping[Any, Any]) -> Cell:
    """A method's name with its colour and what the method is, as the head of a row."""
    name, said, kind, shade = str(row["method"]), "", "", "muted"
    if row["single"]:
        said, kind = "one network per task", "single"
    elif isinstance(row.get("aggregator"), str):
        said = spoken(row["aggregator"], row["sharpness"])
        shade = VARIABLES.get(colour(row["sharpness"]), "ink")
    return Cell(name, name, said, kind, code=True, shade=shade)


def _methods(table: pd.DataFrame) -> list[dict[Any, Any]]:
    """The rows of a main table, each with whether it is single-task training."""
    return table.assign(single=is_reference(table)).to_dict("records")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
