"""What the claims are judged by: runs and analyses of the active profile's conditions."""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from samo.claims.evidence import COLUMNS, Evidence, empty
from samo.results import ladder as made_ladder
from samo.results.method import MethodSpec
from samo.results.tables import Run, Runs
from samo.study import config
from samo.study.report.sources import frame
from samo.study.runs.results import Pairs, by_dataset, read_histories, read_runs

ANALYSES = ("curvature", "cost", "probe")
"""The frames that lie under data/analysis/<dataset>, each as <analysis>.csv."""
TOYS = "data/analysis/toys/ends.csv"
HISTORY = {"cosine_mean", "minibatch_conflict"}
"""What the claims need of a history."""


def read(root: Path, pairs: Pairs, analyses: Iterable[str], variants: Pairs = ()) -> Evidence:
    """The evidence of these conditions and analyses, and of the toys; what was not run is empty.

    Whatever else lies in the folders is left out: analyses and methods that are no longer in the profile.

    Args:
        root: the project's folder.
        pairs: the conditions of the main tables.
        analyses: those of the profile.
        variants: the conditions beside those of the main tables.
    """
    pairs, variants, active = list(pairs), list(variants), set(analyses)
    conditions = by_dataset([*pairs, *variants])
    frames: dict[str, list[pd.DataFrame]] = {name: [] for name in ("history", "layers", *ANALYSES)}
    for dataset, methods in conditions.items():
        for name in ("history", "layers"):
            for method, rows_of in read_histories(root, dataset, methods, f"{name}.csv").items():
                if rows_of is not None:
                    kept = rows_of[rows_of["metric"].isin(HISTORY)] if name == "history" else rows_of
                    frames[name].append(kept.assign(dataset=dataset, method=method))
        for name in active & set(ANALYSES):
            found = frame(root / "data/analysis" / dataset / f"{name}.csv", *COLUMNS[name][1:])
            frames[name].append(found[found["method"].isin(methods)].assign(dataset=dataset))
    full = {name: [part for part in parts if len(part)] for name, parts in frames.items()}
    made = {name: pd.concat(parts, ignore_index=True) if parts else empty(name) for name, parts in full.items()}
    runs = {dataset: read_runs(root, dataset, methods) for dataset, methods in conditions.items()}
    gathered = evidence(runs, variants, {**made, "toys": frame(root / TOYS, *COLUMNS["toys"])})
    params = root / "params.yaml"
    return replace(gathered, regimes=regimes(config.load(params))) if params.exists() else gathered


def regimes(params: config.Params) -> dict[str, str]:
    """{dataset: "300 updates, lenet"}, of which verdicts on it speak; epochs where the updates are not known."""
    found = {}
    for name, block in params.datasets.items():
        training, train = block.training, getattr(block.data, "train", None)
        known = isinstance(train, int)
        n = training.epochs * math.ceil(train / training.batch) if known else training.epochs
        network = getattr(training, "network", "")
        found[name] = ", ".join(filter(None, (f"{n} {'updates' if known else 'epochs'}", network)))
    return found


def evidence(runs: Mapping[str, Runs], variants: Collection[tuple[str, str]], frames: Mapping[str, Any]) -> Evidence:
    """Dataset -> its runs, and the frames of `Evidence` beside them, as one; `variants` are (dataset, method)."""
    values = [
        row | {"variant": (dataset, method) in variants}
        for dataset, methods in runs.items()
        for method, run in methods.items()
        if run
        for row in rows(dataset, method, run)
    ]
    return Evidence(datasets=tuple(runs), runs=pd.DataFrame(values, columns=COLUMNS["runs"]), **frames)


def rows(dataset: str, method: str, run: Run) -> list[dict[str, Any]]:
    """One condition's metrics.json as rows of the frame `runs`; a value that is null or missing is NaN."""
    head = {
        **{"dataset": dataset, "method": method, "aggregator": MethodSpec.of_run(method, run).aggregator_text},
        **{"sharpness": run["sharpness"], "networks": run["networks"], "fields": run.get("fields", {})},
        **run["search"]["chosen"],
    }
    return [
        head
        | {key: measure[key] for key in ("task", "metric", "higher_is_better")}
        | {"seed": int(seed), "value": values.get(measure["task"], {}).get(measure["metric"])}
        for seed, values in run["seeds"].items()
        for measure in run["metrics"]
    ]


def ladder(found: Evidence) -> pd.DataFrame:
    """Every training beside its updates and its compute, see `samo.results.ladder`; costs are counts of passes."""
    units = {(d, m): ratio for d, m, ratio in found.cost[["dataset", "method", "count_ratio"]].itertuples(index=False)}
    runs = found.runs
    if "updates" not in runs:
        budgets = {dataset: int(words.split()[0]) for dataset, words in found.regimes.items()}
        runs = runs.assign(updates=runs["dataset"].map(budgets))
    return made_ladder.table(runs, units)
