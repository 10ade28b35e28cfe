"""The evidence on the claims: runs and analyses of the active profile's conditions."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from samo.claims.evidence import COLUMNS, Evidence, empty
from samo.results import ladder as made_ladder
from samo.results.method import MethodSpec
from samo.results.tables import Run
from samo.study import config
from samo.study.report.sources import frame
from samo.study.runs.results import TOYS, Pairs, by_dataset, read_histories, read_metrics, view

ANALYSES = ("curvature", "cost", "probe")  # the frames under data/analysis/<dataset>, each in <analysis>.csv
HISTORY = {"cosine_mean", "minibatch_conflict"}  # what the claims need of a history


def read(root: Path, pairs: Pairs, analyses: Iterable[str], variants: Pairs = ()) -> Evidence:
    """The evidence from the conditions of the main tables, variants beside them, analyses, and the toys.

    What was not run is empty; what is no longer in the profile is left out, even if its files remain.
    """
    pairs, variants, active = list(pairs), list(variants), set(analyses)
    conditions = by_dataset([*pairs, *variants])
    frames: dict[str, list[pd.DataFrame]] = {name: [] for name in ("history", "layers", *ANALYSES)}
    for dataset, methods in conditions.items():
        for name in ("history", "layers"):
            for method, rows_of in read_histories(root, dataset, methods, f"{name}.csv", whole=True).items():
                if rows_of is not None:
                    kept = rows_of[rows_of["metric"].isin(HISTORY)] if name == "history" else rows_of
                    frames[name].append(kept.assign(dataset=dataset, method=method))
        for name in active & set(ANALYSES):
            found = frame(root / "data/analysis" / dataset / f"{name}.csv", *COLUMNS[name][1:])
            frames[name].append(found[found["method"].isin([*methods, "-"])].assign(dataset=dataset))
    full = {name: [part for part in parts if len(part)] for name, parts in frames.items()}
    made = {name: pd.concat(parts, ignore_index=True) if parts else empty(name) for name, parts in full.items()}
    runs = [run for dataset, methods in conditions.items() for run in ladder(root, dataset, methods)]
    gathered = evidence(conditions, runs, variants, {**made, "toys": frame(root / TOYS / "ends.csv", *COLUMNS["toys"])})
    params = root / "params.yaml"
    return replace(gathered, regimes=regimes(config.load(params))) if params.exists() else gathered


def regimes(params: config.Params) -> dict[str, str]:
    """{dataset: "300 to 10,000 updates, lenet"}: the setting for which verdicts on it hold."""
    found = {}
    for name, block in params.datasets.items():
        budgets = params.updates_on(name)
        said = " to ".join(f"{n:,}" for n in dict.fromkeys((budgets[0], budgets[-1])))
        found[name] = ", ".join(filter(None, (f"{said} updates", getattr(block.training, "network", ""))))
    return found


def ladder(root: Path, dataset: str, methods: Iterable[str]) -> Iterator[Run]:
    """Each method's runs at each of its budgets, as far as they exist."""
    for method in methods:
        path = root / "data/runs" / dataset / method / "metrics.json"
        metrics = read_metrics(path) if path.exists() else {"updates": ()}
        yield from (view(metrics, {}, int(n)) for n in metrics["updates"])


def evidence(
    datasets: Iterable[str], runs: Iterable[Run], variants: Collection[tuple[str, str]], frames: Mapping[str, Any]
) -> Evidence:
    """Combine runs, each at one budget, with the other frames of `Evidence`; `variants` are (dataset, method)."""
    values = [row | {"variant": (run["dataset"], run["method"]) in variants} for run in runs for row in rows(run)]
    return Evidence(datasets=tuple(datasets), runs=pd.DataFrame(values, columns=COLUMNS["runs"]), **frames)


def rows(run: Run) -> list[dict[str, Any]]:
    """A condition's values at a budget as rows of the frame `runs`; a null or missing value is NaN."""
    head = {
        **{key: run[key] for key in ("dataset", "method", "sharpness", "networks", "optimizer", "fields", "updates")},
        "aggregator": MethodSpec.of_run(run["method"], run).aggregator_text,
        **run["search"]["chosen"],
    }
    return [
        head
        | {key: measure[key] for key in ("task", "metric", "higher_is_better", "counts")}
        | {"seed": int(seed), "value": values.get(measure["task"], {}).get(measure["metric"])}
        for seed, values in run["seeds"].items()
        for measure in (*run["metrics"], *run["aside"])
    ]


def budgets(found: Evidence) -> pd.DataFrame:
    """Every training with its updates and compute (see `samo.results.ladder`); costs are counts of passes."""
    units = {(d, m): ratio for d, m, ratio in found.cost[["dataset", "method", "count_ratio"]].itertuples(index=False)}
    return made_ladder.table(found.runs, units)
