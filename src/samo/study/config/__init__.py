"""params.yaml, read once and checked whole: what passes here is trusted everywhere else."""

import importlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import Field, ValidationError, model_validator

from samo import datasets
from samo.optim import sharpness
from samo.study import paths
from samo.study.config import strict_yaml
from samo.study.config.blocks import Cluster, DatasetBlock, More, Name, Seeds, Train
from samo.study.config.faults import line
from samo.study.config.method import Method
from samo.study.errors import ConfigError
from samo.training.search import Grids
from samo.training.settings import Settings

if TYPE_CHECKING:
    import torch


SIZE = 1_000_000
"""The most characters of a params file; a profile has some thousands."""
FAULTS = 50
"""How many faults are told."""


class Params(Settings):
    """The active profile.

    Attributes:
        seeds: of the final runs; each is one run of every method.
        datasets: key = a module of `samo.datasets`.
        methods: key = a name of your own; these run on every dataset.
        more: methods for some datasets only.
        sensitivity: variants of those methods for some datasets only, such as SAMO with another alpha. They run as all
            others do, but are no rows of the main table and are left out by analyses; see `main_on`.
        train: how every cell runs.
        analyses: key = a module of `samo.analysis` with a notebook of that name, value = its settings.
        toys: how the trajectories of the toys are made; `{}` takes the defaults.
        cluster: what each worker of a cluster has; one core and no GPU where it is left out.
    """

    seeds: Seeds
    datasets: Annotated[dict[Name, dict[str, Any]], Field(min_length=1)]
    methods: Annotated[dict[Name, Method], Field(min_length=1)]
    more: More
    sensitivity: More
    train: Train
    analyses: Annotated[dict[Name, dict[str, Any]], Field(default_factory=dict)]
    toys: dict[str, Any]
    cluster: Annotated[Cluster, Field(default_factory=Cluster)]

    @model_validator(mode="after")
    def _fits_together(self) -> "Params":
        _ = self.dataset  # builds, and so checks, every block
        for name, block in self.dataset.items():
            self.train.check_batch(name, block.training.batch)
        taken = dict.fromkeys(self.methods, "methods, too, which run on every dataset")
        for tier, some in (("more", self.more), ("sensitivity", self.sensitivity)):
            for name in some.datasets:
                if name not in self.datasets:
                    raise ValueError(f"{tier}.datasets has {name!r}: allowed are {', '.join(self.datasets)}")
            for name in some.methods:
                if name in taken:
                    raise ValueError(f"{tier}.methods.{name} stands under {taken[name]}")
            taken |= dict.fromkeys(some.methods, f"{tier}, too")
        for name in self.datasets:
            self.methods_on(name)
        return self

    @cached_property
    def dataset(self) -> Mapping[str, DatasetBlock]:
        """Each dataset's settings, typed by its own module."""
        return {name: _dataset_block(name, block) for name, block in self.datasets.items()}

    def options(self, analysis: str) -> Settings:
        """The settings of one analysis, or of "toys", typed by its own module, which is imported here at the earliest.

        Training thus reads params.yaml without the code of any analysis; `check` looks at all of them.

        Raises:
            ConfigError: the block has a fault.
        """
        block = self.toys if analysis == "toys" else self.analyses[analysis]
        try:
            return _options(analysis, block)
        except ValueError as error:
            raise ConfigError(_told("params.yaml", [str(error)])) from None

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
        return self.dataset[dataset].seeds or self.seeds


def load(path: Path | None = None) -> Params:
    """Read and check a params file, by default the active one in the project's folder.

    Raises:
        ConfigError: the file is missing, is not YAML, or breaks a rule.
    """
    path = path or paths.root() / "params.yaml"
    try:
        with path.open(encoding="utf-8") as stream:
            text = stream.read(SIZE + 1)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}: copy one of profiles/*.yaml there") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not text in UTF-8: copy one of profiles/*.yaml there") from error
    return parse(text, str(path.name))


def check(params: Params, origin: str = "params.yaml") -> Params:
    """The same parameters, once the blocks of all analyses and of the toys are found sound.

    Raises:
        ConfigError: they are not; a line a fault.
    """
    faults = []
    for name, block in {**params.analyses, "toys": params.toys}.items():
        try:
            _options(name, block)
        except ValueError as error:
            faults.append(str(error))
    if faults:
        raise ConfigError(_told(origin, faults))
    return params


def parse(text: str, origin: str = "params.yaml") -> Params:
    """Check the text of a params file; `origin` names it in messages."""
    try:
        if len(text) > SIZE:
            raise ValueError(f"longer than {SIZE} characters; profiles/*.yaml show what belongs in here")
        content = strict_yaml.load(text)
    except ValueError as error:
        raise ConfigError(f"{origin}: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{origin}: must be a mapping with {', '.join(Params.model_fields)}")
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        raise ConfigError(_told(origin, [line("", fault) for fault in error.errors(include_url=False)])) from None


def grids(params: Params, dataset: str, method: Method) -> Grids:
    """What to search; a value given in the method's block leaves nothing to choose there."""
    grid = params.dataset[dataset].search or params.train.search
    found: dict[str, list[float]] = {"lr": grid.lr if method.lr is None else [method.lr]}
    base = sharpness.preset(method.preset_name, **method.preset_fields)
    if base.scope != "none":
        found["rho"] = [base.rho] if "rho" in method.preset_fields else grid.rho
    if grid.alpha and base.scope == "joint" and "alpha" not in method.preset_fields:
        found["alpha"] = grid.alpha
    return found


def device(name: str) -> "torch.device":
    """The device that `train.device` names; "auto" is the accelerator where there is one.

    Raises:
        ConfigError: this machine has no such device.
    """
    import torch

    if name != "auto":
        try:
            torch.empty(0, device=name)
        except (RuntimeError, AssertionError, NotImplementedError):
            told = f'params.yaml: train.device = {name!r}: not on this machine; "auto" takes what there is'
            raise ConfigError(told) from None
        return torch.device(name)
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return found or torch.device("cpu")


def device_name(device: "torch.device") -> str:
    """A device as MLflow's runs say what they were made on: an accelerator by its maker's name."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _on(dataset: str, name: str, method: Method) -> Method:
    try:
        return method.on(dataset)
    except ValueError as error:
        raise ValueError(f"method {name}: {error}") from None


def _dataset_block(name: str, block: dict[str, Any]) -> DatasetBlock:
    if name not in datasets.names():
        raise ValueError(f"unknown dataset {name!r}: allowed are {', '.join(datasets.names())}")
    needed, known = {"data", "training"}, {"data", "training", "seeds", "search"}
    if not needed <= set(block) <= known:
        raise ValueError(
            f"datasets.{name} needs the keys data and training, and may have seeds and search; "
            f"it has {', '.join(sorted(block))}"
        )
    module = datasets.get(name)
    typed = {part: _checked(kind, block[part], ("datasets", name, part)) for part, kind in _kinds(module)}
    own = {key: block[key] for key in ("seeds", "search") if key in block}
    try:
        return DatasetBlock.model_validate({**typed, **own})
    except ValidationError as error:
        raise ValueError(_lines(error, ("datasets", name))) from None


def _kinds(module: datasets.Dataset) -> list[tuple[str, type[Settings]]]:
    return [("data", module.Data), ("training", module.Training)]


def _told(origin: str, faults: list[str]) -> str:
    lines = [f"{origin}: {one}" for fault in faults for one in fault.splitlines()]
    return "\n".join(lines[:FAULTS] + [f"{origin}: and {len(lines) - FAULTS} faults more"] * (len(lines) > FAULTS))


def _options(name: str, block: dict[str, Any]) -> Settings:
    """The block of an analysis, or of the toys; the module is found by its name."""
    if name == "toys":
        kind = importlib.import_module("samo.analysis.toys.walks").Options
        return _checked(cast("type[Settings]", kind), block, ("toys",))
    analysis = importlib.import_module("samo.analysis")
    if name not in analysis.names():
        raise ValueError(f"unknown analysis {name!r}: allowed are {', '.join(analysis.names())}")
    return _checked(analysis.options(name), block, ("analyses", name))


def _checked(kind: type[Settings], block: Any, where: tuple[str, ...]) -> Settings:
    try:
        return kind.model_validate(block)
    except ValidationError as error:
        raise ValueError(_lines(error, where)) from None


def _lines(error: ValidationError, where: tuple[str, ...]) -> str:
    return "\n".join(line("", fault, where) for fault in error.errors(include_url=False))
