"""What params.yaml holds; each block is checked by pydantic, and trusted everywhere else."""

import importlib
from typing import Annotated, Any, Generic, TypeVar, cast

from pydantic import AfterValidator, Field, ValidationInfo, create_model, field_validator, model_validator

from samo import datasets
from samo.optim import sharpness
from samo.study.config.method import Method, Positive
from samo.training.search import Grids
from samo.training.settings import Settings, Training

Data = TypeVar("Data", bound=Settings)
Trained = TypeVar("Trained", bound=Training)


def _each_once(values: list[Any]) -> list[Any]:
    if len(set(values)) != len(values):
        raise ValueError("must hold each value once")
    return values


def _ascending(values: list[float]) -> list[float]:
    if sorted(set(values)) != values:
        raise ValueError("must be ascending, each value once")
    return values


Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]
Seeds = Annotated[list[Annotated[int, Field(ge=0, lt=2**31)]], Field(min_length=1), AfterValidator(_each_once)]
Ascending = AfterValidator(_ascending)


class Grid(Settings):
    """What every method's search tries, in the same order; see `samo.training.search`.

    Attributes:
        lr: learning rates, ascending.
        rho: radii, ascending, for the methods that have one.
        alpha: shares of the global part, ascending, for the methods that have two parts; none leaves alpha as it is.
    """

    lr: Annotated[list[Positive], Field(min_length=1), Ascending]
    rho: Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=1), Ascending]
    alpha: Annotated[list[Annotated[float, Field(ge=0, le=1)]], Ascending] = Field(default_factory=list)


class Train(Settings):
    """How every condition runs.

    Attributes:
        threads: of torch, fixed so that results do not depend on how many conditions run at once.
        device: "cpu", "cuda", "cuda:1", "mps" …, or "auto": the accelerator where there is one.
        processes: that train together, each on an equal share of every batch: on a GPU of its own with device "cuda",
            and with "auto" where there is CUDA; else on the CPU, `threads` each.
        sync_batchnorm: whether BatchNorm then normalises by the whole batch. It does by default, so that a condition
            comes out the same, up to rounding, however many processes make it; without, each goes by its own share,
            which sends less. Of one process nothing depends on it.
        search: the grids, where a dataset's block has none of its own.
    """

    threads: Annotated[int, Field(ge=1, le=256)] = 1
    device: Annotated[str, Field(pattern=r"^(auto|[a-z]+(:[0-9]+)?)$")] = "auto"
    processes: Annotated[int, Field(ge=1, le=64)] = 1
    sync_batchnorm: bool = True
    search: Grid

    @field_validator("device")
    @classmethod
    def _kind_of_device(cls, name: str) -> str:
        import torch

        try:
            return name if name == "auto" else str(torch.device(name))
        except RuntimeError as error:
            raise ValueError(f"no kind of device that torch knows ({str(error).splitlines()[0][:100]})") from None

    @field_validator("processes")
    @classmethod
    def _each_its_own_device(cls, processes: int, info: ValidationInfo) -> int:
        device = info.data.get("device", "auto")
        if processes > 1 and device not in {"auto", "cpu", "cuda"}:
            raise ValueError(f"each takes a GPU of its own, so train.device must be auto, cuda or cpu, not {device}")
        return processes


class More(Settings):
    """Methods for some datasets only; those under `methods` run on every one.

    Attributes:
        datasets: keys of the profile's datasets.
        methods: key = a name of your own that stands nowhere else.
    """

    datasets: Annotated[list[Name], AfterValidator(_each_once)]
    methods: dict[Name, Method]


class Cluster(Settings):
    """What a condition asks for on a cluster (`samo grid --ray`). No stage depends on it: results do not.

    Attributes:
        cpus: cores of each worker; several workers share one where it is below 1.
        gpus: the same of GPUs; above 1 only whole ones.
    """

    cpus: Annotated[float, Field(gt=0, le=256)] = 1
    gpus: Annotated[float, Field(ge=0, le=16)] = 0

    @field_validator("cpus", "gpus")
    @classmethod
    def _whole(cls, value: float) -> float:
        if value > 1 and value != int(value):
            raise ValueError("must be a whole number where it is above 1")
        return value


class DatasetBlock(Settings, Generic[Data, Trained]):
    """The block of one dataset; its own module says what `data` and `training` hold.

    Attributes:
        data: how the examples are made.
        training: how networks are trained on them.
        seeds: of its final runs, where they are not those of the profile.
        search: its own grids, the same for every method on it.
    """

    data: Data
    training: Trained
    seeds: Seeds | None = None
    search: Grid | None = None


class Params(Settings):
    """The active profile.

    Attributes:
        seeds: of the final runs; each is one run of every method.
        datasets: key = a module of `samo.datasets`.
        methods: key = a name of your own; these run on every dataset.
        more: methods for some datasets only.
        sensitivity: variants of those methods for some datasets only, such as SAMO with another alpha. They run as all
            others do, but are no rows of the main table and are left out by analyses; see `main_on`.
        train: how every condition runs.
        analyses: key = a module of `samo.analysis` with a notebook of that name, value = its settings; see `options`.
        toys: how the trajectories of the toys are made; `{}` takes the defaults.
        cluster: what each worker of a cluster has; one core and no GPU where it is left out.
    """

    seeds: Seeds
    datasets: Annotated[dict[Name, DatasetBlock[Any, Any]], Field(min_length=1)]
    methods: Annotated[dict[Name, Method], Field(min_length=1)]
    more: More
    sensitivity: More
    train: Train
    analyses: dict[Name, dict[str, Any]] = Field(default_factory=dict)
    toys: dict[str, Any]
    cluster: Cluster = Field(default_factory=Cluster)

    @field_validator("datasets", mode="before")
    @classmethod
    def _typed_by_their_modules(cls, blocks: Any) -> Any:
        if not isinstance(blocks, dict):
            return blocks
        if unknown := [name for name in blocks if name not in datasets.names()]:
            raise ValueError(f"unknown dataset {unknown[0]!r}: allowed are {', '.join(datasets.names())}")
        modules = {name: datasets.get(name) for name in blocks}
        kinds: dict[str, Any] = {
            name: (DatasetBlock[module.Data, module.Training], ...)  # type: ignore[name-defined]
            for name, module in modules.items()
        }
        return dict(create_model("Datasets", **kinds).model_validate(blocks))

    @model_validator(mode="after")
    def _fits_together(self) -> "Params":
        for name, block in self.datasets.items():
            if block.training.batch % self.train.processes:
                raise ValueError(
                    f"datasets.{name}.training.batch = {block.training.batch}: must divide by train.processes = "
                    f"{self.train.processes}, each of which takes an equal share"
                )
        taken = dict.fromkeys(self.methods, "methods, too, which run on every dataset")
        for tier, some in (("more", self.more), ("sensitivity", self.sensitivity)):
            if unknown := [name for name in some.datasets if name not in self.datasets]:
                raise ValueError(f"{tier}.datasets has {unknown[0]!r}: allowed are {', '.join(self.datasets)}")
            if twice := [name for name in some.methods if name in taken]:
                raise ValueError(f"{tier}.methods.{twice[0]} stands under {taken[twice[0]]}")
            taken |= dict.fromkeys(some.methods, f"{tier}, too")
        for name in self.datasets:
            self.methods_on(name)
        return self

    def methods_on(self, dataset: str) -> dict[str, Method]:
        """The methods of a dataset: those of one aggregator together, else in the order of the file."""
        given = dict(self.methods)
        for some in (self.more, self.sensitivity):
            given |= some.methods if dataset in some.datasets else {}
        found = {name: _on(dataset, name, method) for name, method in given.items()}
        families = list(dict.fromkeys((m.networks, m.aggregator_name) for m in found.values()))
        return dict(sorted(found.items(), key=lambda item: families.index((item[1].networks, item[1].aggregator_name))))

    def main_on(self, dataset: str) -> dict[str, Method]:
        """Those of them that the main table shows and analyses look at: all but the variants under `sensitivity`."""
        return {name: m for name, m in self.methods_on(dataset).items() if name not in self.sensitivity.methods}

    def seeds_on(self, dataset: str) -> list[int]:
        """The seeds of a dataset's final runs."""
        return self.datasets[dataset].seeds or self.seeds

    def options(self, analysis: str) -> Settings:
        """The settings of one analysis, or of "toys", typed by its own module, which is imported here at the earliest.

        Training thus reads params.yaml without the code of any analysis; `samo.study.config.check` looks at all.

        Raises:
            ValueError: no such analysis, or its block has a fault.
        """
        if analysis == "toys":
            kind = importlib.import_module("samo.analysis.toys.trajectories").Options
            return cast("Settings", kind.model_validate(self.toys))
        known = importlib.import_module("samo.analysis")
        if analysis not in known.names():
            raise ValueError(f"unknown analysis {analysis!r}: allowed are {', '.join(known.names())}")
        return cast("Settings", known.options(analysis).model_validate(self.analyses[analysis]))


def grids(params: Params, dataset: str, method: Method) -> Grids:
    """What to search; a value given in the method's block leaves nothing to choose there."""
    grid = params.datasets[dataset].search or params.train.search
    found: dict[str, list[float]] = {"lr": grid.lr if method.lr is None else [method.lr]}
    base = sharpness.preset(method.preset_name, **method.preset_fields)
    if base.scope != "none":
        found["rho"] = [base.rho] if "rho" in method.preset_fields else grid.rho
    if grid.alpha and base.scope == "joint" and "alpha" not in method.preset_fields:
        found["alpha"] = grid.alpha
    return found


def _on(dataset: str, name: str, method: Method) -> Method:
    try:
        return method.on(dataset)
    except ValueError as error:
        raise ValueError(f"method {name}: {error}") from None
