"""What has run of a profile, at hand or shipped: the evidence on the claims, and the tables that follow from it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from samo.claims import table as claims_table
from samo.claims.evidence import COLUMNS, Evidence, empty
from samo.results import ladder, tables
from samo.results.method import MethodSpec
from samo.results.tables import Run
from samo.study import config
from samo.study.config import Params
from samo.study.config.conditions import Condition
from samo.study.report.sources import frame
from samo.study.runs.results import TOYS, Pairs, by_dataset, read_histories, read_metrics, read_search, view

ANALYSES = ("curvature", "cost", "probe")  # the frames under data/analysis/<dataset>, each in <analysis>.csv
HISTORY = ["cosine_mean", "minibatch_conflict"]  # what the claims need of a history
RUN = ("dataset", "method", "sharpness", "networks", "optimizer", "fields", "updates")
MEASURE = ("task", "metric", "higher_is_better", "counts")


@dataclass(frozen=True)
class Study:
    """A profile's conditions as far as they have run, with what the analyses found."""

    folder: Path  # where its params.yaml lies
    datasets: Collection[str]
    conditions: Mapping[tuple[str, str], Run]  # (dataset, method) -> metrics.json, with the trials as `search`
    variants: Collection[tuple[str, str]]  # those of them that are not in the main table
    frames: Mapping[str, pd.DataFrame]  # of `Evidence`, but for its runs

    @cached_property
    def params(self) -> Params:
        """The settings with which it ran."""
        return config.load(self.folder / "params.yaml")

    @cached_property
    def runs(self) -> dict[str, dict[str, Run]]:
        """Dataset -> method -> its run, at its longest budget."""
        found: dict[str, dict[str, Run]] = {}
        for (dataset, method), metrics in self.conditions.items():
            found.setdefault(dataset, {})[method] = view(metrics, metrics["search"])
        return found

    @cached_property
    def evidence(self) -> Evidence:
        """The evidence by which the claims are judged."""
        values = []
        for pair, metrics in self.conditions.items():
            for n in map(int, metrics["updates"]):
                values += [row | {"variant": pair in self.variants} for row in rows(view(metrics, {}, n))]
        runs = pd.DataFrame(values, columns=COLUMNS["runs"])
        return Evidence(datasets=tuple(self.datasets), runs=runs, regimes=self.regimes, **self.frames)

    @cached_property
    def regimes(self) -> dict[str, str]:
        """Dataset -> the setting for which verdicts on it hold; empty without params.yaml."""
        return regimes(self.params) if (self.folder / "params.yaml").exists() else {}

    @cached_property
    def units(self) -> dict[tuple[str, str], float]:
        """(Dataset, method) -> passes of a step, in those of an LS step."""
        cost = self.frames["cost"]
        return dict(zip(zip(cost["dataset"], cost["method"], strict=True), cost["count_ratio"], strict=True))

    @cached_property
    def budgets(self) -> pd.DataFrame:
        """Every training with its budget, compute and gain (`samo.results.ladder`)."""
        return ladder.table(self.evidence.runs, self.units)

    @cached_property
    def claims(self) -> pd.DataFrame:
        """Every claim with its verdict and comparisons; takes some seconds."""
        return claims_table.table(self.evidence)

    def main(self, dataset: str) -> pd.DataFrame:
        """A dataset's main table, as `samo.results.tables.main` makes it; empty where the run lacks the dataset."""
        runs = self.runs.get(dataset, {})
        return tables.main({method: run for method, run in runs.items() if (dataset, method) not in self.variants})


def read(root: Path, pairs: Pairs, analyses: Iterable[str], variants: Pairs = ()) -> Study:
    """The study at hand, from the conditions of the main tables, variants beside them, analyses, and the toys.

    What was not run is empty; what is no longer in the profile is left out, even if its files remain.
    """
    variants, active = list(variants), [name for name in ANALYSES if name in set(analyses)]
    named, conditions = by_dataset([*pairs, *variants]), {}
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in ("history", "layers", *ANALYSES)}
    for dataset, methods in named.items():
        for one in (Condition(dataset, method) for method in methods):
            if (file := root / one.runs / "metrics.json").exists():
                conditions[dataset, one.method] = read_metrics(file) | {"search": read_search(root / one.search)}
        for name in ("history", "layers"):
            for method, found in read_histories(root, dataset, methods, f"{name}.csv", whole=True).items():
                if found is not None:
                    kept = found[found["metric"].isin(HISTORY)] if name == "history" else found
                    parts[name].append(kept.assign(dataset=dataset, method=method))
        for name in active:
            found = frame(root / "data/analysis" / dataset / f"{name}.csv", *COLUMNS[name][1:])
            parts[name].append(found[found["method"].isin([*methods, "-"])].assign(dataset=dataset))
    frames = {
        name: pd.concat(full, ignore_index=True) if (full := list(filter(len, found))) else empty(name)
        for name, found in parts.items()
    }
    frames["toys"] = frame(root / TOYS / "ends.csv", *COLUMNS["toys"])
    return Study(root, list(named), conditions, variants, frames)


def regimes(params: Params) -> dict[str, str]:
    """{dataset: "300 to 10,000 updates, lenet"}: the setting for which verdicts on it hold."""
    found = {}
    for name, block in params.datasets.items():
        budgets = params.updates_on(name)
        said = " to ".join(f"{n:,}" for n in dict.fromkeys((budgets[0], budgets[-1])))
        found[name] = ", ".join(filter(None, (f"{said} updates", getattr(block.training, "network", ""))))
    return found


def rows(run: Run) -> list[dict[str, Any]]:
    """A condition's values at a budget as rows of the frame `runs`; a null or missing value is NaN."""
    head = {key: run[key] for key in RUN} | run["search"]["chosen"]
    head["aggregator"] = MethodSpec.of_run(run["method"], run).aggregator_text
    return [
        head
        | {key: measure[key] for key in MEASURE}
        | {"seed": int(seed), "value": values.get(measure["task"], {}).get(measure["metric"])}
        for seed, values in run["seeds"].items()
        for measure in (*run["metrics"], *run["aside"])
    ]
