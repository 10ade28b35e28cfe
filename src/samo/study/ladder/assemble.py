"""The existing rows as a reference run, so that claims, tables and figures read them like any other."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from samo.analysis.cost import units
from samo.claims.evidence import COLUMNS
from samo.optim.sharpness import preset
from samo.study import config
from samo.study.config import Params
from samo.study.config.conditions import condition
from samo.study.ladder.plan import FOLDER
from samo.study.ladder.rows import Row, read
from samo.study.report.reference import Reference, lines, parse

KEPT = ("cosine_mean", "minibatch_conflict", "magnitude_ratio")
"""What claims and figures need of a history; the rest of it stays in the rows."""


def shipped(root: Path) -> Reference:
    """The run as far as it exists, with rows of any version of the code; a ValueError if there is no training yet."""
    return reference(read(root), config.load(root / FOLDER / "params.yaml"), root / FOLDER)


def reference(rows: Sequence[Row], params: Params, folder: Path) -> Reference:
    """The run that some rows make; see `shipped`."""
    trainings = [row for row in rows if row["table"] == "training" and row["values"]]
    records = _conditions(rows, trainings, params)
    variants = [pair for pair in records if condition(params, *pair).variant]
    history = [
        {**_head(row), **dict(zip(("update", "split", "task", "metric", "value"), one, strict=True))}
        for row in trainings
        for one in row["history"]
        if one[3] in KEPT
    ]
    longest = {name: params.updates_on(name)[-1] for name in params.datasets}
    curvature = [
        {**_head(row), "task": "all", "draw": 0, "measure": measure, "value": value, "residual": 0.0}
        for row in trainings
        if row["updates"] == longest[row["dataset"]]
        for measure, value in row.get("curvature", {}).items()
    ]
    cost = [_cost(*pair, run) for pair, run in records.items()]
    tables = {"history": history, "curvature": curvature, "cost": cost}
    frames = {name: pd.DataFrame(found) for name, found in tables.items() if found}
    return parse("".join(lines(records, variants, frames)), folder)


def _conditions(rows: Iterable[Row], trainings: Iterable[Row], params: Params) -> dict[tuple[str, str], dict[str, Any]]:
    """(Dataset, method) -> its metrics.json, with its search beside it, from the existing trainings."""
    known = {row["dataset"]: row for row in rows if row["table"] == "dataset"}
    searches: dict[tuple[str, str], dict[str, Any]] = defaultdict(dict)
    for row in rows:
        if row["table"] == "search":
            found = {key: row[key] for key in ("trials", "chosen", "extended")}
            searches[row["dataset"], row["method"]][str(row["updates"])] = found
    made: dict[tuple[str, str], dict[str, Any]] = {}
    for row in trainings:
        dataset, method = row["dataset"], row["method"]
        if (dataset, method) not in made:
            made[dataset, method] = {
                "dataset": dataset,
                "method": method,
                **params.methods_on(dataset)[method].made_of,
                "tasks": known[dataset]["tasks"],
                "metrics": known[dataset]["metrics"],
                "search": searches[dataset, method],
                "updates": {},
            }
        budgets = made[dataset, method]["updates"]
        budget = budgets.setdefault(str(row["updates"]), {"chosen": row["chosen"], "seeds": {}})
        budget["seeds"][str(row["seed"])] = row["values"]
    return made


def _cost(dataset: str, method: str, run: Mapping[str, Any]) -> dict[str, Any]:
    """A step's passes in units of an LS step; nothing is timed while trainings share a machine."""
    shape, separate = preset(run["sharpness"], **run["fields"]), run["networks"] == "separate"
    count = units(shape, run["aggregator"], len(run["tasks"]), separate=separate)
    return dict.fromkeys(COLUMNS["cost"], math.nan) | {"dataset": dataset, "method": method, "count_ratio": count}


def _head(row: Row) -> dict[str, Any]:
    return {key: row[key] for key in ("dataset", "method", "updates", "seed")}
