"""The conditions of the active profile, one dataset x one method with all its seeds, and the trainings of each."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from samo.optim import sharpness
from samo.study.config.params import Params
from samo.training.search import Ranges, most, taken_from


@dataclass(frozen=True)
class Condition:
    """One dataset x one method; `kind` is its stage: "train", or e.g. "train-arms" for methods of the block `arms`."""

    dataset: str
    method: str
    kind: str = "train"

    @property
    def name(self) -> str:
        """As people read it."""
        return f"{self.dataset}/{self.method}"

    @property
    def stage(self) -> str:
        """As DVC names it."""
        return f"{self.kind}@{self.dataset}-{self.method}"

    @property
    def notebook(self) -> str:
        """Its executed notebook, without its ending."""
        return f"train-{self.dataset}-{self.method}"

    @property
    def variant(self) -> bool:
        """Whether it is left out of main tables and analyses."""
        return self.kind in {"train-sensitivity", "train-arms"}

    @property
    def runs(self) -> Path:
        """Where its results lie, relative to the project's root."""
        return Path("data/runs") / self.dataset / self.method

    @property
    def models(self) -> Path:
        """Where its weights lie, apart from the results, so that tables hash small files only."""
        return Path("data/models") / self.dataset / self.method

    @property
    def search(self) -> Path:
        """Where the trials of its search lie; an arm, which searches nothing, has none."""
        return Path("data/search") / self.dataset / f"{self.method}.json"

    def has_run(self, root: Path) -> bool:
        """Whether its results are there."""
        return (root / self.runs / "metrics.json").exists()

    def weights(self, updates: int, seed: int) -> Path:
        """The file of one final run's weights."""
        return self.models / f"{updates}-{seed}.safetensors"


def conditions(params: Params) -> list[Condition]:
    """All conditions, in the order of params.yaml, whatever happens to be on disk."""
    return [condition(params, dataset, method) for dataset in params.datasets for method in params.methods_on(dataset)]


def condition(params: Params, dataset: str, method: str) -> Condition:
    """The condition of a dataset and a method, with its kind; a ValueError if params.yaml has no such."""
    if dataset not in params.datasets:
        raise ValueError(f"no dataset {dataset!r} in params.yaml: it has {', '.join(params.datasets)}")
    if method not in (known := params.methods_on(dataset)):
        raise ValueError(f"no method {method!r} on {dataset}: there are {', '.join(known)}")
    tier = next((f"-{name}" for name, tier in params.tiers.items() if method in tier.methods), "")
    return Condition(dataset, method, f"train{tier}")


def main(params: Params) -> list[tuple[str, str]]:
    """(dataset, method) of the conditions that main tables and analyses cover."""
    return [(one.dataset, one.method) for one in conditions(params) if not one.variant]


def variants(params: Params) -> list[tuple[str, str]]:
    """(dataset, method) of the others, which show how much the settings matter."""
    return [(one.dataset, one.method) for one in conditions(params) if one.variant]


class Plan(NamedTuple):
    """What a condition's trainings are."""

    given: dict[str, float]  # by its block, or by a range of one value; no "lr" for an arm that takes its donor's
    ranges: Ranges  # of the settings that are searched; none for an arm
    budgets: list[int]  # of its search, on which its final runs are based
    trials: list[int]  # the most updates of each training of the search
    finals: list[int]  # the updates of every final run


def plan(params: Params, dataset: str, method: str) -> Plan:
    """The trainings of a condition."""
    search, block = params.datasets[dataset].search, params.methods_on(dataset)[method]
    shape = sharpness.preset(block.preset_name, **block.preset_fields)
    given: dict[str, float] = {} if block.lr is None else {"lr": block.lr}
    if shape.scope != "none" and "rho" in block.preset_fields:
        given["rho"] = shape.rho
    wanted = {"lr": search.lr}
    if shape.scope != "none":
        wanted["rho"] = search.rho
    if search.alpha and shape.scope == "joint" and "alpha" not in block.preset_fields:
        wanted["alpha"] = search.alpha
    if method in params.arms.methods:
        wanted = {}  # an arm searches nothing
    searched = {name: (low, high) for name, (low, high) in wanted.items() if name not in given}
    given |= {name: low for name, (low, high) in searched.items() if low == high}
    ranges = {name: ends for name, ends in searched.items() if name not in given}
    updates, seeds = params.updates_on(dataset, method), params.seeds_on(dataset, method)
    budgets = sorted({taken_from(search.updates, n) for n in updates})
    trials = budgets * (most(ranges, search) * len(search.seeds))
    return Plan(given, ranges, budgets, trials, updates * len(seeds))
