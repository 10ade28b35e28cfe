"""What the reference run is to hold, in the order in which it is made: data/reference/ladder/plan.yaml."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from samo.study.config import Params
from samo.study.config.load import faults
from samo.study.errors import ConfigError
from samo.training.settings import Count, Settings

FOLDER = Path("data/reference/ladder")


class Block(Settings):
    """Some methods on a dataset of the profile, at some budgets, with some seeds."""

    name: str  # as people read it
    dataset: str
    methods: Annotated[list[str], Field(min_length=1)]
    updates: Annotated[list[int], Field(min_length=1)]  # budgets, in the order in which they run
    seeds: Count  # the first so many of the dataset's


class Same(Settings):
    """Ids of code whose trainings are the same to the last digit."""

    codes: Annotated[list[str], Field(min_length=2)]
    why: str  # what changed between them, and how it was checked that trainings stay the same


class Plan(Settings):
    """All blocks; if two name the same training, the first counts."""

    blocks: Annotated[list[Block], Field(min_length=1)]
    same: Annotated[list[Same], Field(default_factory=list)]

    def as_good_as(self, code: str) -> set[str]:
        """The ids of code whose rows count for this one."""
        return {code}.union(*(one.codes for one in self.same if code in one.codes))


class Training(NamedTuple):
    """One final training."""

    dataset: str
    method: str
    updates: int
    seed: int

    @property
    def name(self) -> str:
        """As people read it."""
        return f"{self.dataset}/{self.method}, {self.updates} updates, seed {self.seed}"


def read(root: Path, params: Params) -> Plan:
    """The plan that ships with the project; a ConfigError if it has a fault, or names what the profile lacks."""
    path = FOLDER / "plan.yaml"
    try:
        plan = Plan.model_validate(YAML(typ="safe", pure=True).load((root / path).read_text()))
    except (OSError, YAMLError) as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())[:200]}") from error
    except ValidationError as error:
        raise ConfigError(f"{path}: {faults(error)[0]}") from error
    for block in plan.blocks:
        if fault := _fault(block, params):
            raise ConfigError(f"{path}: block {block.name!r}: {fault}")
    return plan


def trainings(plan: Plan, params: Params) -> Iterator[tuple[Block, Training]]:
    """Every final training once, in order: block by block, seed by seed, so that any prefix compares pairs."""
    seen: set[Training] = set()
    for block in plan.blocks:
        seeds = params.seeds_on(block.dataset)[: block.seeds]
        for seed, updates, method in product(seeds, block.updates, block.methods):
            one = Training(block.dataset, method, updates, seed)
            if one not in seen:
                seen.add(one)
                yield block, one


def _fault(block: Block, params: Params) -> str | None:
    dataset = block.dataset
    if dataset not in params.datasets:
        return f"no dataset {dataset} in the profile"
    if unknown := [name for name in block.methods if name not in params.methods_on(dataset)]:
        return f"no method {unknown[0]} on {dataset} in the profile"
    if excess := [n for n in block.updates if n not in params.updates_on(dataset)]:
        return f"no budget {excess[0]} on {dataset} in the profile"
    if block.seeds > (seeds := len(params.seeds_on(dataset))):
        return f"{block.seeds} seeds, and the profile has {seeds}"
    return None
