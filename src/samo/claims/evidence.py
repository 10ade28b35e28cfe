"""Everything that the claims are judged by, as tidy frames in one place, and what is measured of a method in them.

Nothing here touches a file.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from samo.results.method import MethodSpec, standing_for
from samo.results.metrics import delta_m

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "runs": (
        *("dataset", "method", "variant", "aggregator", "sharpness", "networks", "optimizer", "fields"),
        *("updates", "lr", "rho", "alpha", "seed", "task", "metric", "value", "higher_is_better", "counts"),
    ),
    "history": ("dataset", "method", "updates", "seed", "update", "split", "task", "metric", "value"),
    "curvature": ("dataset", "method", "seed", "task", "draw", "measure", "value", "residual"),
    "layers": ("dataset", "method", "updates", "seed", "update", "layer", "position", "cosine"),
    "cost": ("dataset", "method", "step_ms", "ratio", "ratio_low", "ratio_high", "count_ratio", "memory_mb"),
    "probe": (
        *("dataset", "method", "seed", "source", "estimator", "statistics", "layer_normalised", "directions"),
        *("params", "cosine", "cosine_low", "cosine_high", "n", "theory", "sign_share"),
    ),
    "toys": (
        *("toy", "start", "aggregator", "sharpness", "x1", "x2", "loss1", "loss2"),
        *("lambda_max", "distance_to_front"),
    ),
}
"""The columns of each frame; it may have more."""


def empty(frame: str) -> pd.DataFrame:
    """The frame of an analysis that was not run."""
    return pd.DataFrame(columns=list(COLUMNS[frame]))


@dataclass(frozen=True)
class Kind:
    """A sharpness as a claim means it: a preset, with just these fields changed, radii aside."""

    sharpness: str
    changed: Mapping[str, Any] = field(default_factory=dict)
    networks: str = "shared"
    optimizer: str = ""

    @classmethod
    def of(cls, method: MethodSpec) -> "Kind":
        """That of a method."""
        return cls(method.sharpness, method.changed, method.networks, method.optimizer)

    def __str__(self) -> str:
        changes = ", ".join(f"{key} {value}" for key, value in self.changed.items())
        name = f"{self.sharpness} ({changes})" if changes else self.sharpness
        name += f" with {self.optimizer}" if self.optimizer else ""
        return name if self.networks == "shared" else f"{name}, {self.networks} networks"


def find(known: Iterable[MethodSpec], kind: Kind, base: str) -> str | None:
    """The name of the method that stands for this kind and aggregator; None where none does."""
    found = standing_for([method for method in known if method.aggregator_text == base and Kind.of(method) == kind])
    return found.name if found else None


@dataclass(frozen=True)
class Evidence:
    """The active profile's runs and analyses; a frame is empty where nothing was run.

    Attributes:
        datasets: of the profile, in its order.
        runs: test values of every final run, a row per budget (`updates`), seed and metric; those that do not count
            (`counts`), such as the loss, are no part of Delta-m. `aggregator` tells options apart ("cagrad c=0.2"),
            `optimizer` is empty where it is the dataset's, `fields` is a mapping with the preset's changed fields;
            `lr`, `rho`, `alpha` as chosen; `variant` tells the conditions that stand beside the main table to show how
            much a setting matters.
        history: of every evaluation along the way, with the budget; split "probe" holds the cosines of the task
            gradients on a fixed set, split "train" with metric "minibatch_conflict" the share of mini-batches whose
            task gradients conflict.
        curvature: of the trunk's Hessian after training. task "all" is the averaged loss; measure is lambda_max,
            lambda_ratio5 (lambda_max / lambda_5), trace, eig_1 …, sharpness_ball.
        layers: cosine, by budget, of the task gradients in each tensor of the trunk, position 0 the first, 1 the last.
        cost: of a step: milliseconds, and multiples of an LS step's time (median and quartiles of rounds) and passes.
        probe: cosine between the estimate of a task's gradient over so many parameters (params) and the exact one,
            with its 95 % interval over n repeats, and what theory says; source is "trained" for a condition's network,
            and statistics "running" where the probe looked at it in evaluation mode.
        toys: where trajectories over a toy end, and lambda_max of the averaged loss there.
        regimes: {dataset: what its verdicts speak of}, e.g. "300 updates, lenet".
    """

    datasets: tuple[str, ...] = ()
    runs: pd.DataFrame = field(default_factory=partial(empty, "runs"))
    history: pd.DataFrame = field(default_factory=partial(empty, "history"))
    curvature: pd.DataFrame = field(default_factory=partial(empty, "curvature"))
    layers: pd.DataFrame = field(default_factory=partial(empty, "layers"))
    cost: pd.DataFrame = field(default_factory=partial(empty, "cost"))
    probe: pd.DataFrame = field(default_factory=partial(empty, "probe"))
    toys: pd.DataFrame = field(default_factory=partial(empty, "toys"))
    regimes: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def last(self) -> "Evidence":
        """The same at each dataset's longest budget alone."""
        frames: dict[str, Any] = {}
        for name in ("runs", "history", "layers"):
            frame = getattr(self, name)
            frames[name] = frame[frame["updates"] == frame.groupby("dataset")["updates"].transform("max")]
        return replace(self, **frames)

    @cached_property
    def ladder(self) -> Mapping[int, "Evidence"]:
        """{budget: the runs of that budget alone}, in ascending order."""
        return {int(str(n)): replace(self, runs=rows) for n, rows in self.runs.groupby("updates")}

    @cached_property
    def methods(self) -> Mapping[str, list[MethodSpec]]:
        """Each dataset's methods that have run."""
        found: dict[str, list[MethodSpec]] = {dataset: [] for dataset in self.datasets}
        for row in self.runs.drop_duplicates(["dataset", "method"]).to_dict("records"):
            found[row["dataset"]].append(MethodSpec.of_row(row))
        return found

    @cached_property
    def delta_m(self) -> Mapping[str, Mapping[str, pd.Series]]:
        """{dataset: {method: Delta-m by seed, in per cent; lower is better}} at the longest budget.

        Against the mean of the single-task runs (STL), as in the main table. Where there are none, against the plain
        method with LS, else against the first plain method there is: its own Delta-m is then about 0, and differences
        between methods mean the same, with other weights for the metrics.
        """
        return {dataset: self._delta_m(dataset) for dataset in self.datasets}

    def _delta_m(self, dataset: str) -> dict[str, pd.Series]:
        known = [method for method in self.last.methods[dataset] if method.plain]
        known.sort(key=lambda m: (not m.single, m.networks != "shared", m.aggregator_text != "ls"))
        if not known:
            return {}
        last = self.last.runs
        runs = last[(last["dataset"] == dataset) & last["counts"].astype(bool)]
        # Not `pivot_table`: it drops the row of a seed whose values are all missing, a run that diverged.
        values = runs.pivot(index=["method", "seed"], columns=["task", "metric"], values="value").astype(float)  # noqa: PD010
        higher = runs.drop_duplicates(["task", "metric"]).set_index(["task", "metric"])["higher_is_better"]
        single = values.loc[[known[0].name]].mean(skipna=False)
        gaps = delta_m(values.to_numpy(), single.to_numpy(), higher.loc[values.columns].to_numpy(bool))
        found = pd.Series(gaps, index=values.index)
        return {str(method): found.loc[method] for method in runs["method"].unique()}

    @cached_property
    def tasks(self) -> Mapping[str, int]:
        """{dataset: K}, of those that have run."""
        return {str(dataset): k for dataset, k in self.runs.groupby("dataset", sort=False)["task"].nunique().items()}

    def regime(self, datasets: Iterable[str]) -> str:
        """What verdicts on these datasets speak of: "300 updates, lenet, 2 tasks (multimnist, multifashion)"."""
        named: dict[str, list[str]] = {}
        for dataset in dict.fromkeys(datasets):
            tasks = f"{self.tasks[dataset]} tasks" if dataset in self.tasks else ""
            if said := ", ".join(filter(None, (self.regimes.get(dataset, ""), tasks))):
                named.setdefault(said, []).append(dataset)
        return "; ".join(f"{said} ({', '.join(found)})" for said, found in named.items())


class Measure(NamedTuple):
    """A quantity of a run; `of`: (evidence, dataset, method) -> values by seed, or None where it was not measured."""

    name: str  # for messages: what is missing where `of` gives None
    figure: str  # that shows it, without the dataset's name
    unit: str  # of a comparison: "times" where that is a quotient, else of the difference
    of: Callable[[Evidence, str, str], pd.Series | None]

    @property
    def ratio(self) -> bool:
        """Whether two methods are compared by their quotient."""
        return self.unit == "times"


def mean_of(
    frame: str, name: str, figure: str, unit: str = "times", *, geometric: bool = False, **where: str
) -> Measure:
    """The mean of a frame's rows that agree with `where`, by seed; a value that is missing makes its seed's NaN."""

    def of(evidence: Evidence, dataset: str, method: str) -> pd.Series | None:
        values = rows(getattr(evidence.last, frame), dataset, method, **where).astype({"value": float})
        if geometric:
            values["value"] = np.log(values["value"])
        found = values.groupby("seed")["value"].mean(skipna=False)
        return None if values.empty else np.exp(found) if geometric else found

    return Measure(name, figure, unit, of)


def _conflict_change(evidence: Evidence, dataset: str, method: str) -> pd.Series | None:
    found = rows(evidence.last.history, dataset, method, split="train", task="all", metric="minibatch_conflict")
    table = found.astype({"value": float}).pivot_table("value", "update", "seed", dropna=False)
    if len(table) < 2:
        return None
    updates = table.index.to_numpy(float)
    slope = np.polyfit(updates, table.to_numpy(), 1)[0]
    return pd.Series(slope * (updates[-1] - updates[0]), index=table.columns)


def rows(frame: pd.DataFrame, dataset: str, method: str, **where: object) -> pd.DataFrame:
    """Of one method, those that agree with `where`."""
    kept = (frame["dataset"] == dataset) & (frame["method"] == method)
    for column, value in where.items():
        kept &= frame[column] == value
    return frame[kept]


DELTA_M = Measure("runs", "forest", "Δm points", lambda evidence, data, method: evidence.delta_m[data].get(method))
"""Delta-m of the test metrics in per cent; lower is better."""
LAMBDA_MAX = mean_of("curvature", "curvature", "curvature", task="all", measure="lambda_max")
"""Of the averaged loss's Hessian over the trunk, the mean over data draws."""
LAMBDA_RATIO = mean_of("curvature", "curvature", "curvature", task="all", measure="lambda_ratio5")
COSINE = mean_of("history", "cosines", "cosine", "cosine", split="probe", metric="cosine_mean")
"""Mean pairwise cosine of the task gradients on the fixed probe set, averaged over all evaluations of training."""
TEST_LOSS = mean_of("runs", "test losses", "curves", geometric=True, metric="loss")
"""Geometric mean over the tasks, whose units may differ."""
CALIBRATION = mean_of("runs", "calibration errors", "curves", geometric=True, metric="calibration")
"""Expected calibration error, geometric mean over the tasks that classify."""
CONFLICT_CHANGE = Measure("mini-batch conflicts of two evaluations", "conflict", "share", _conflict_change)
"""By how much the share of mini-batches in conflict changes over training: slope times length."""
