"""Tables of the report: results, ablations, settings, costs, choices."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd

from samo.figures.palette import colour, label, spoken
from samo.results.tables import choices, is_reference, metric_columns, text
from samo.study.report.figure import VARIABLES
from samo.study.report.page import cell, interval, number, sortable

CHOICES = {"lr": "learning rate", "rho": "ρ", "alpha": "α"}


def main_table(dataset: str, table: pd.DataFrame, measures: pd.DataFrame, best: Mapping[str, str]) -> str:
    """The main table, STL first; `best` says which method is bold in which column (`samo.results.best`)."""
    metrics = metric_columns(table)
    units = {f"{m['task']} {m['metric']}": m["unit"] for m in measures.fillna("").to_dict("records")}
    heads = ["method", "Δm, %", "Δm − base", "mean rank", *(f"{m}, {units.get(m, '')}".rstrip(", ") for m in metrics)]
    body = []
    for row, single in zip(table.to_dict("records"), is_reference(table), strict=True):
        cells = [interval(row, "delta_m"), interval(row, "gain"), number(row.get("mean_rank"), 1)]
        cells += [with_width(row, metric) for metric in metrics]
        for place, column in ((0, "delta_m"), *enumerate(metrics, 3)):
            if best.get(column) == row["method"]:
                cells[place] = cells[place].replace("<td", '<td class="best"', 1)
        kind = ' class="reference"' if single else ""
        body.append(f"<tr{kind}>{method(row, single)}{''.join(cells)}</tr>")
    title = f"{label(dataset)}: test results, means over seeds with 95 % intervals"
    return sortable(f"{dataset}-main", title, heads, body)


def with_width(row: Mapping[Any, Any], metric: str) -> str:
    """A metric of the main table with half the width of its interval, as a cell."""
    width = text(row[f"{metric} high"] - row[metric], 2)
    shown = text(row[metric], 2) + ("" if width == "—" else f" <small>± {width}</small>")
    return cell(shown, row[metric], raw=True)


def ablation(dataset: str, table: pd.DataFrame, sharpness: Sequence[str]) -> str:
    """Delta-m of each aggregator (rows) under each of these sharpnesses (columns), with its interval."""
    joint = table[~is_reference(table) & table["aggregator"].notna()] if "aggregator" in table else table[:0]
    body = []
    for aggregator, part in joint.groupby("aggregator", sort=False):
        found = {row["sharpness"]: row for row in reversed(part.to_dict("records"))}
        if not set(sharpness[1:]) & set(found):
            continue
        cells = "".join(interval(found.get(name, {}), "delta_m") for name in sharpness)
        shown = escape(label(str(aggregator)))
        body.append(f'<tr><th scope="row" data-sort="{shown}">{shown}</th>{cells}</tr>')
    title = f"{label(dataset)}: Δm in % with 95 % intervals, {', '.join(map(label, sharpness))}"
    name = f"{dataset}-{'-'.join(sharpness)}"
    return sortable(name, title, ["aggregator", *map(label, sharpness)], body) if body else ""


def settings_table(dataset: str, table: pd.DataFrame, field: str) -> str:
    """The variants of one field and their default; `table` is that of samo.results.sensitivity.table."""
    body = [
        f'<tr><th scope="row">{escape(spoken(row["aggregator"].split(" ")[0], row["sharpness"]))}</th>'
        f"<td>{escape(str(row['value']))}{' (default)' if row['role'] == 'default' else ''}</td>"
        f"{interval(row, 'delta_m')}{interval(row, 'shift')}</tr>"
        for row in table[table["field"] == field].to_dict("records")
    ]
    heads = ["method", field, "Δm, %", "Δm − default"]
    return sortable(f"{dataset}-{field}", f"{label(dataset)}: {field}, with 95 % intervals", heads, body)


def choice_table(dataset: str, table: pd.DataFrame) -> str:
    """What the search chose for each method."""
    body = [
        f"<tr>{method(row, known)}{''.join(number(row.get(name)) for name in choices(table))}"
        f"{number(row['n_seeds'], 0)}</tr>"
        for row, known in zip(table.to_dict("records"), is_reference(table), strict=True)
    ]
    heads = ["method", *(CHOICES.get(name, name) for name in choices(table)), "seeds"]
    return sortable(f"{dataset}-choice", f"{label(dataset)}: chosen on validation data", heads, body, "short ")


def cost_table(dataset: str, cost: pd.DataFrame) -> str:
    """What a step takes, and how much more than its base method's, with loading and without."""
    columns = ("step_ms", "ratio", "count_ratio", "extra_percent", "extra_percent_loaded", "memory_mb")
    heads = ["method", "step, ms", "× LS", "× LS by count", "over its base, %", "with loading, %", "memory, MB"]
    body = [
        f'<tr><th scope="row"><code>{escape(str(row["method"]))}</code></th>'
        + "".join(number(row.get(column), 0 if column.startswith("extra") else 2) for column in columns)
        + "</tr>"
        for row in cost.to_dict("records")
    ]
    return sortable(f"{dataset}-cost-table", f"{label(dataset)}: a step on this machine", heads, body, "short ")


def notebooks_table(rows: Sequence[tuple[str, str]]) -> str:
    """Links to executed notebooks: (stage, file name without ending)."""
    body = [
        f'<tr><th scope="row" data-sort="{escape(stage)}"><code>{escape(stage)}</code></th>'
        f'<td><a href="../executed/{escape(name)}.html">read <span class="unseen">{escape(name)}</span></a></td>'
        f'<td><a href="../executed/{escape(name)}.ipynb">open <span class="unseen">{escape(name)} </span>in Jupyter</a>'
        "</td></tr>"
        for stage, name in rows
    ]
    return sortable("notebooks", "Executed notebooks", ["stage", "as a page", "as a notebook"], body)


def method(row: Mapping[Any, Any], single: bool) -> str:
    """A method's name with its colour, and what it is in words, as the head of a row."""
    name, said, shade = escape(str(row["method"])), "", "muted"
    if single:
        said = "one network a task"
    elif isinstance(row.get("aggregator"), str):
        said = escape(spoken(row["aggregator"], row["sharpness"]))
        shade = VARIABLES.get(colour(row["sharpness"]), "ink")
    dot = f'<span class="dot" style="background:var(--{shade})"></span>'
    return f'<th scope="row" data-sort="{name}">{dot}<code>{name}</code><small>{said}</small></th>'
