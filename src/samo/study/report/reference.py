"""The reference run: the profile `study` as it is shipped with the project, in data/reference/study.

Tidy tables and nothing else: no weights, no images. Everything that is said of the run (its main tables, the verdicts
on the claims, the report's columns) is made from them by the very functions that make it from a run at hand.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from samo.claims import table as claims_table
from samo.claims.evidence import COLUMNS, Evidence
from samo.results import tables
from samo.results.tables import Run
from samo.study import config, store
from samo.study.notebooks.claims_stage import ANALYSES, evidence, regimes
from samo.study.runs import results

FOLDER = Path("data/reference/study")
MEND = f"`git checkout {FOLDER}` brings it back as it was"

CELL = ("dataset", "method", "variant", "aggregator", "options", "sharpness", "fields", "networks")
"""Columns of runs.csv that say which cell a value is of; options and fields are JSON."""
MEASURE = ("task", "metric", "unit", "higher_is_better")
CHOICE = ("lr", "rho", "alpha")
FILES: Mapping[str, results.Columns] = {
    "runs": results.Columns(*CELL, *MEASURE, counts=("seed",), numbers=("value",)),
    "search": results.Columns("dataset", "method", "chosen", counts=("trial",), numbers=(*CHOICE, "score")),
    "history": results.Columns(
        "dataset", "method", "split", "task", "metric", counts=("seed", "epoch"), numbers=("value",)
    ),
    "layers": results.Columns("dataset", "method", "layer", counts=("seed", "epoch"), numbers=("position", "cosine")),
    "toys": results.Columns(*COLUMNS["toys"]),
    **{name: results.Columns(*COLUMNS[name]) for name in ANALYSES},
}
"""The tables, each as <name>.csv, and the columns that each has at least."""


@dataclass(frozen=True)
class Reference:
    """The shipped run.

    Attributes:
        folder: where it lies.
        frames: name -> table, see `FILES`.
    """

    folder: Path
    frames: Mapping[str, pd.DataFrame]

    @cached_property
    def about(self) -> dict[str, Any]:
        """At which commit it ran, with which versions, on what."""
        found: dict[str, Any] = store.read_json(self.folder / "about.json")
        return found

    @cached_property
    def params(self) -> config.Params:
        """The settings with which it ran."""
        return config.load(self.folder / "params.yaml")

    @cached_property
    def runs(self) -> dict[str, dict[str, Run]]:
        """Dataset -> method -> its run, as a cell's metrics.json has it."""
        trials = dict(list(self.frames["search"].groupby(["dataset", "method"], sort=False)))
        found: dict[str, dict[str, Run]] = {}
        for (dataset, method), part in self.frames["runs"].groupby(["dataset", "method"], sort=False):
            found.setdefault(str(dataset), {})[str(method)] = _run(part, trials[dataset, method])
        return found

    @cached_property
    def variants(self) -> set[tuple[str, str]]:
        """The cells (dataset, method) that stand beside the main table."""
        cells = self.frames["runs"].drop_duplicates(["dataset", "method"])
        beside = cells[cells["variant"].astype(bool)]
        return set(zip(beside["dataset"], beside["method"], strict=True))

    @cached_property
    def evidence(self) -> Evidence:
        """What its claims are judged by."""
        names = ("history", "layers", "toys", *ANALYSES)
        found = evidence(self.runs, self.variants, {name: self.frames[name] for name in names})
        return replace(found, regimes=regimes(self.params))

    @cached_property
    def claims(self) -> pd.DataFrame:
        """Every claim with its verdict and comparisons; takes some seconds, since intervals are bootstrapped."""
        return claims_table.table(self.evidence)

    def main_runs(self, dataset: str) -> dict[str, Run]:
        """The runs of a dataset's main table."""
        return {m: run for m, run in self.runs.get(dataset, {}).items() if (dataset, m) not in self.variants}

    def main(self, dataset: str) -> pd.DataFrame:
        """A dataset's main table, as `samo.results.tables.main` makes it; empty where the run lacks the dataset."""
        return tables.main(self.main_runs(dataset))


def load(root: Path) -> Reference | None:
    """The reference run of the project in `root`; None where none is shipped.

    Raises:
        ValueError: a file of it is missing or broken; the message names it.
    """
    return read(root / FOLDER) if (root / FOLDER).is_dir() else None


def read(folder: Path) -> Reference:
    """The reference run that lies in a folder; see `load`."""
    if missing := [name for name in FILES if not (folder / f"{name}.csv").exists()]:
        raise ValueError(f"{folder}: {missing[0]}.csv is missing: {MEND}")
    return Reference(
        folder, {name: results.read_rows(folder / f"{name}.csv", kind, MEND) for name, kind in FILES.items()}
    )


def verdicts(root: Path) -> dict[int, str]:
    """Claim -> the reference run's verdict, as it is shipped; nothing where no run is."""
    path = root / FOLDER / "claims.csv"
    if not path.exists():
        return {}
    found = results.read_rows(path, results.Columns("dataset", "verdict", counts=("number",)), MEND)
    whole = found[found["dataset"] == claims_table.ALL]
    return dict(zip(whole["number"].astype(int), whole["verdict"].astype(str), strict=True))


def _run(part: pd.DataFrame, trials: pd.DataFrame) -> Run:
    head = part.iloc[0]
    measures = part.drop_duplicates(["task", "metric"])[list(MEASURE)].fillna({"unit": ""})
    seeds: dict[str, dict[str, dict[str, float | None]]] = {}
    for row in part.to_dict("records"):
        value = None if pd.isna(row["value"]) else float(row["value"])
        seeds.setdefault(str(row["seed"]), {}).setdefault(row["task"], {})[row["metric"]] = value
    tried = [_trial(row) for row in trials.to_dict("records") if row["trial"]]
    chosen = _trial(trials[trials["chosen"].astype(bool)].iloc[0].to_dict())
    return {
        **{key: str(head[key]) for key in ("dataset", "method", "aggregator", "sharpness", "networks")},
        "options": _mapping(head["options"]),
        "fields": _mapping(head["fields"]),
        "tasks": list(dict.fromkeys(measures["task"])),
        "metrics": measures.to_dict("records"),
        "search": {"trials": tried, "chosen": {key: x for key, x in chosen.items() if key != "score"}},
        "seeds": seeds,
    }


def _trial(row: Mapping[Any, Any]) -> dict[str, float | None]:
    """As a cell writes it: alpha only where it was searched."""
    plain = {key: None if pd.isna(row[key]) else float(row[key]) for key in (*CHOICE, "score")}
    return {key: x for key, x in plain.items() if key != "alpha" or x is not None}


def _mapping(text: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{FOLDER}/runs.csv: options and fields are JSON, got {text[:60]!r}: {MEND}") from error
    return found
