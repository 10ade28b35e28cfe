"""What params.yaml holds; pydantic checks each block here, and all other code trusts it."""

import importlib
from functools import cache
from typing import Annotated, Any, cast

import torch
from pydantic import AfterValidator, Field, ValidationInfo, create_model, field_validator, model_validator

from samo import datasets
from samo.optim import sharpness
from samo.study.config.method import Method
from samo.training.search import Search, Seeds, each_once
from samo.training.settings import Settings, Updates

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]


class Train(Settings):
    """How every condition runs.

    Attributes:
        threads: of torch, fixed so that results do not depend on how many conditions run at once.
        device: "cpu", "cuda", "cuda:1", "mps" …, or "auto": the accelerator where there is one.
        processes: that train together, each on an equal share of every batch: on a GPU of its own with device "cuda",
            and with "auto" where there is CUDA; else on the CPU, `threads` each.
        sync_batchnorm: whether BatchNorm then normalises over the whole batch, so that a condition comes out the same,
            up to rounding, with any number of processes; else each normalises over its share, which sends less.
    """

    threads: Annotated[int, Field(ge=1, le=256)] = 1
    device: Annotated[str, Field(pattern=r"^(auto|[a-z]+(:[0-9]+)?)$")] = "auto"
    processes: Annotated[int, Field(ge=1, le=64)] = 1
    sync_batchnorm: bool = True

    @field_validator("device")
    @classmethod
    def _kind_of_device(cls, name: str) -> str:
        try:
            return name if name == "auto" else str(torch.device(name))
        except RuntimeError:
            raise ValueError("no device that torch knows; allowed are auto, cpu, cuda, cuda:0, mps …") from None

    @field_validator("processes")
    @classmethod
    def _each_its_own_device(cls, processes: int, info: ValidationInfo) -> int:
        device = info.data.get("device", "auto")
        if processes > 1 and device not in {"auto", "cpu", "cuda"}:
            raise ValueError(f"each takes a GPU of its own, so train.device must be auto, cuda or cpu, not {device}")
        return processes


class Tier(Settings):
    """Methods for some datasets only; those under `methods` run on every one."""

    datasets: Annotated[list[Name], AfterValidator(each_once)]  # keys of the profile's datasets
    updates: Updates | None = None  # of their final runs: some of the dataset's, including the longest; null for all
    seeds: Seeds | None = None  # some of the dataset's; null for all
    methods: dict[Name, Method]  # key = a name of your own, used nowhere else


class Arms(Tier):
    """Methods that search nothing: each gives its rho, and takes the learning rate that another method chose."""

    donor: Name  # that method, not an arm itself; a learning rate in an arm's own block takes precedence

    @field_validator("methods")
    @classmethod
    def _search_nothing(cls, methods: dict[str, Method]) -> dict[str, Method]:
        for name, method in methods.items():
            if sharpness.preset(method.preset_name).scope != "none" and "rho" not in method.preset_fields:
                raise ValueError(f"{name} gives no rho, and an arm searches none")
        return methods


def _whole_above_one(value: float) -> float:
    if value > 1 and value != int(value):
        raise ValueError("must be a whole number where it is above 1")
    return value


class Cluster(Settings):
    """What each worker of a cluster has (`samo grid --ray`). No stage depends on it, since results do not."""

    cpus: Annotated[float, Field(gt=0, le=256), AfterValidator(_whole_above_one)] = 1  # below 1, several share a core
    gpus: Annotated[float, Field(ge=0, le=16), AfterValidator(_whole_above_one)] = 0  # likewise


class DatasetBlock(Settings):
    """The block of one dataset; its own module says what `data` and `training` hold."""

    data: Any  # how the examples are made
    training: Any  # how networks are trained on them
    updates: Updates | None = None  # of its final runs, where they differ from the profile's; likewise `seeds`
    seeds: Seeds | None = None
    search: Search  # where it differs from the profile's, the same for every method on it


@cache  # one class each, so that the same settings are equal
def _block(dataset: str) -> type[DatasetBlock]:
    module = datasets.get(dataset)
    return create_model(dataset, __base__=DatasetBlock, data=module.Data, training=module.Training)


_ANY = Search(updates=[1], trials=2, seeds=[0], lr=[1.0, 1.0], rho=[1.0, 1.0])


class Params(Settings):
    """The active profile.

    Methods under `sensitivity` and `arms` run like all others, but the main table and analyses leave them out.
    """

    seeds: Seeds  # of the final runs; each is one run of every method and budget
    updates: Updates  # budgets of the final runs, each with a schedule of its own
    search: Search  # how methods choose on validation data, unless a dataset's block differs
    datasets: Annotated[dict[Name, DatasetBlock], Field(min_length=1)]  # key = a module of `samo.datasets`
    methods: Annotated[dict[Name, Method], Field(min_length=1)]  # key = a name of your own; they run on every dataset
    more: Tier
    sensitivity: Tier
    arms: Arms
    train: Train
    analyses: dict[Name, dict[str, Any]] = Field(default_factory=dict)  # key = a module of `samo.analysis`
    toys: dict[str, Any]  # how the trajectories of the toys are made; `{}` takes the defaults
    cluster: Cluster = Field(default_factory=Cluster)

    @field_validator("datasets", mode="before")
    @classmethod
    def _typed_by_their_modules(cls, blocks: Any, info: ValidationInfo) -> Any:
        if not isinstance(blocks, dict):
            return blocks
        if unknown := [name for name in blocks if name not in datasets.names()]:
            raise ValueError(f"unknown dataset {unknown[0]!r}: allowed are {', '.join(datasets.names())}")
        search = info.data.get("search") or _ANY  # if `search` has a fault of its own, which is told
        kinds: dict[str, Any] = {}
        whole = dict(blocks)
        for name, block in blocks.items():
            kinds[name] = _block(name), ...
            if isinstance(block, dict) and isinstance(own := block.get("search", {}), dict):
                whole[name] = block | {"search": search.model_dump() | own}
        return dict(create_model("Datasets", **kinds).model_validate(whole))

    @model_validator(mode="after")
    def _fits_together(self) -> "Params":
        for name, block in self.datasets.items():
            if block.training.batch % self.train.processes:
                raise ValueError(
                    f"datasets.{name}.training.batch = {block.training.batch}: must divide by train.processes = "
                    f"{self.train.processes}, each of which takes an equal share"
                )
            if both := set(block.search.seeds) & set(self.seeds_on(name)):
                raise ValueError(f"search.seeds has {min(both)}: a final run's on {name}; take others")
        taken = dict.fromkeys(self.methods, "methods, too, which run on every dataset")
        for tier, some in self.tiers.items():
            if unknown := [name for name in some.datasets if name not in self.datasets]:
                raise ValueError(f"{tier}.datasets has {unknown[0]!r}: allowed are {', '.join(self.datasets)}")
            if twice := [name for name in some.methods if name in taken]:
                raise ValueError(f"{tier}.methods.{twice[0]} stands under {taken[twice[0]]}")
            taken |= dict.fromkeys(some.methods, f"{tier}, too")
            for name in some.datasets:
                budgets, seeds = self.updates_on(name), self.seeds_on(name)
                if some.updates and (some.updates[-1] != budgets[-1] or set(some.updates) - set(budgets)):
                    raise ValueError(f"{tier}.updates: must be of {name}'s {budgets}, the longest among them")
                if set(some.seeds or ()) - set(seeds):
                    raise ValueError(f"{tier}.seeds: must be of {name}'s {seeds}, with which they are paired")
        for name in self.datasets:
            known = self.methods_on(name)
            if name in self.arms.datasets and self.arms.donor not in known.keys() - self.arms.methods.keys():
                raise ValueError(f"arms.donor = {self.arms.donor!r}: no method of {name} outside the arms")
        return self

    @property
    def tiers(self) -> dict[str, Tier]:
        """The blocks with methods for some datasets, by their key."""
        return {"more": self.more, "sensitivity": self.sensitivity, "arms": self.arms}

    def methods_on(self, dataset: str) -> dict[str, Method]:
        """The methods of a dataset, grouped by aggregator, otherwise in the order of the file."""
        given = dict(self.methods)
        for some in self.tiers.values():
            given |= some.methods if dataset in some.datasets else {}
        found = {}
        for name, method in given.items():
            try:
                found[name] = method.on(dataset)
            except ValueError as error:
                raise ValueError(f"method {name}: {error}") from None
        families = list(dict.fromkeys((m.networks, m.aggregator_name) for m in found.values()))
        return dict(sorted(found.items(), key=lambda item: families.index((item[1].networks, item[1].aggregator_name))))

    def main_on(self, dataset: str) -> dict[str, Method]:
        """The methods of a dataset that the main table and analyses cover: all but variants and arms."""
        aside = self.sensitivity.methods.keys() | self.arms.methods.keys()
        return {name: m for name, m in self.methods_on(dataset).items() if name not in aside}

    def seeds_on(self, dataset: str, method: str = "") -> list[int]:
        """The seeds of a dataset's final runs, or of one method's on it."""
        own = next((tier.seeds for tier in self.tiers.values() if method in tier.methods), None)
        return own or self.datasets[dataset].seeds or self.seeds

    def updates_on(self, dataset: str, method: str = "") -> list[int]:
        """The budgets of a dataset's final runs, or of one method's on it."""
        own = next((tier.updates for tier in self.tiers.values() if method in tier.methods), None)
        return own or self.datasets[dataset].updates or self.updates

    def options(self, analysis: str) -> Settings:
        """The settings of an analysis, or of "toys", typed by its module; a ValueError if it is unknown or has a fault.

        The module is imported only here, so never by training.
        """
        if analysis == "toys":
            kind = importlib.import_module("samo.analysis.toys.trajectories").Options
            return cast("Settings", kind.model_validate(self.toys))
        known = importlib.import_module("samo.analysis")
        if analysis not in known.names():
            raise ValueError(f"unknown analysis {analysis!r}: allowed are {', '.join(known.names())}")
        return cast("Settings", known.options(analysis).model_validate(self.analyses[analysis]))
