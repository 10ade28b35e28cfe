"""params.yaml, read once and checked whole: what passes here is trusted everywhere else."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from samo import aggregation, datasets, sharpness
from samo.settings import Settings, Training
from samo.study import paths, strict_yaml
from samo.study.errors import ConfigError
from samo.study.faults import line

if TYPE_CHECKING:
    import torch

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]
Positive = Annotated[float, Field(gt=0)]


class Method(Settings):
    """One way to train: aggregator x sharpness.

    Attributes:
        aggregator: a name, or a mapping with `name` and the aggregator's own options.
        sharpness: a preset's name, or a mapping with `preset` and fields to change; a `rho` given here is not searched.
        networks: "shared" (one trunk), or "separate": one network a task, the single-task baseline.
        lr: a learning rate given here is not searched.
    """

    aggregator: str | dict[str, Any]
    sharpness: str | dict[str, Any] = "none"
    networks: Literal["shared", "separate"] = "shared"
    lr: Positive | None = None

    @field_validator("aggregator")
    @classmethod
    def _known_aggregator(cls, value: str | dict[str, Any]) -> str | dict[str, Any]:
        name, options = _named(value, "name")
        try:
            aggregation.make(name, tasks=2, **options)  # any number of tasks shows a fault
        except TypeError:
            raise ValueError("an option of it has the wrong type") from None
        return value

    @field_validator("sharpness")
    @classmethod
    def _known_sharpness(cls, value: str | dict[str, Any]) -> str | dict[str, Any]:
        name, fields = _named(value, "preset")
        try:
            sharpness.preset(name, **fields)
        except TypeError:
            raise ValueError("a field of it has the wrong type") from None
        return value

    @property
    def aggregator_name(self) -> str:
        """Its name, without options."""
        return _named(self.aggregator, "name")[0]

    @property
    def aggregator_options(self) -> dict[str, Any]:
        """The options given."""
        return _named(self.aggregator, "name")[1]

    @property
    def preset_name(self) -> str:
        """The sharpness preset's name, without changed fields."""
        return _named(self.sharpness, "preset")[0]

    @property
    def preset_fields(self) -> dict[str, Any]:
        """The fields changed."""
        return _named(self.sharpness, "preset")[1]


class Grid(Settings):
    """What every method's search tries, in the same order; see `samo.search`.

    Attributes:
        lr: learning rates, ascending.
        rho: radii, ascending, for the methods that have one.
    """

    lr: Annotated[list[Positive], Field(min_length=1)]
    rho: Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=1)]

    @field_validator("lr", "rho")
    @classmethod
    def _ascending(cls, values: list[float]) -> list[float]:
        if sorted(set(values)) != values:
            raise ValueError("must be ascending, each value once")
        return values


class Train(Settings):
    """How every cell runs.

    Attributes:
        threads: of torch, fixed so that results do not depend on how many cells run at once.
        device: "cpu", "cuda", "cuda:1", "mps" …, or "auto": the accelerator where there is one.
        search: the grids.
    """

    threads: Annotated[int, Field(ge=1, le=256)] = 1
    device: Annotated[str, Field(pattern=r"^(auto|[a-z]+(:[0-9]+)?)$")] = "auto"
    search: Grid


class DatasetBlock(BaseModel):
    """The block of one dataset, checked by its module's own settings."""

    model_config = {"frozen": True, "extra": "forbid"}
    data: Settings
    training: Training


class Params(Settings):
    """The active profile.

    Attributes:
        seeds: of the final runs; each is one run of every method.
        datasets: key = a module of `samo.datasets`.
        methods: key = a name of your own.
        train: how every cell runs.
        analyses: key = a notebook of that name, value = its settings.
    """

    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**31)]], Field(min_length=1)]
    datasets: Annotated[dict[Name, dict[str, Any]], Field(min_length=1)]
    methods: Annotated[dict[Name, Method], Field(min_length=1)]
    train: Train
    analyses: Annotated[dict[Name, dict[str, Any]], Field(default_factory=dict)]

    @field_validator("seeds")
    @classmethod
    def _once(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) != len(seeds):
            raise ValueError("each seed once")
        return seeds

    @field_validator("analyses")
    @classmethod
    def _known_analysis(cls, analyses: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for name in analyses:
            if name not in ANALYSES:
                raise ValueError(f"unknown analysis {name!r}: allowed are {', '.join(ANALYSES)}")
        return analyses

    @model_validator(mode="after")
    def _blocks(self) -> "Params":
        _ = self.dataset  # builds, and so checks, every block
        return self

    @cached_property
    def dataset(self) -> Mapping[str, DatasetBlock]:
        """Each dataset's settings, typed by its own module."""
        return {name: _dataset_block(name, block) for name, block in self.datasets.items()}


ANALYSES = ("conflict", "cost")
"""The analyses there are: modules of `samo.analysis` with a notebook of the same name."""


def load(path: Path | None = None) -> Params:
    """Read and check a params file, by default the active one in the project's folder.

    Raises:
        ConfigError: the file is missing, is not YAML, or breaks a rule.
    """
    path = path or paths.root() / "params.yaml"
    try:
        text = path.read_text()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}: copy one of profiles/*.yaml there") from error
    return parse(text, str(path.name))


def parse(text: str, origin: str = "params.yaml") -> Params:
    """Check the text of a params file; `origin` names it in messages."""
    try:
        content = strict_yaml.load(text)
    except ValueError as error:
        raise ConfigError(f"{origin}: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{origin}: must be a mapping with seeds, datasets, methods, train, analyses")
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        raise ConfigError("\n".join(line(origin, fault) for fault in error.errors(include_url=False))) from None


def grids(params: Params, method: Method) -> tuple[list[float], list[float | None]]:
    """The learning rates and radii to search; a value given in the method's block leaves nothing to choose."""
    lrs = params.train.search.lr if method.lr is None else [method.lr]
    base = sharpness.preset(method.preset_name, **method.preset_fields)
    if base.scope == "none":
        return lrs, [None]
    if "rho" in method.preset_fields:
        return lrs, [base.rho]
    return lrs, list(params.train.search.rho)


def device(name: str) -> "torch.device":
    """The device that `train.device` names; "auto" is the accelerator where there is one."""
    import torch

    if name != "auto":
        return torch.device(name)
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return found or torch.device("cpu")


def _named(value: str | dict[str, Any], key: str) -> tuple[str, dict[str, Any]]:
    """A name with its options, from either spelling."""
    if isinstance(value, str):
        return value, {}
    if not isinstance(value.get(key), str):
        raise ValueError(f"a mapping here needs the key {key!r}")
    return value[key], {k: v for k, v in value.items() if k != key}


def _dataset_block(name: str, block: dict[str, Any]) -> DatasetBlock:
    if name not in datasets.names():
        raise ValueError(f"unknown dataset {name!r}: allowed are {', '.join(datasets.names())}")
    if set(block) != {"data", "training"}:
        raise ValueError(f"datasets.{name} needs exactly the keys data and training, has {', '.join(sorted(block))}")
    module = datasets.get(name)
    made: dict[str, Settings] = {}
    for part, kind in (("data", module.Data), ("training", module.Training)):
        try:
            made[part] = kind.model_validate(block[part])
        except ValidationError as error:
            lines = [line("", fault, ("datasets", name, part)) for fault in error.errors(include_url=False)]
            raise ValueError("\n".join(lines)) from None
    return DatasetBlock.model_construct(**made)  # type: ignore[arg-type]
