"""What the reference run is to hold, in the order in which it is made: data/reference/ladder/plan.yaml."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from samo.study.config import Params
from samo.study.config.load import faults
from samo.study.errors import ConfigError
from samo.training.settings import Settings

FOLDER = Path("data/reference/ladder")


class Block(Settings):
    """Some methods on a dataset, at some budgets, with some seeds.

    Attributes:
        name: as people read it.
        dataset, methods: of the profile.
        updates: budgets, in the order in which they run.
        seeds: the first so many of the dataset's.
    """

    name: str
    dataset: str
    methods: Annotated[list[str], Field(min_length=1)]
    updates: Annotated[list[int], Field(min_length=1)]
    seeds: Annotated[int, Field(ge=1)]


class Plan(Settings):
    """All blocks; if two name the same training, the first counts."""

    blocks: Annotated[list[Block], Field(min_length=1)]


@dataclass(frozen=True, order=True)
class Training:
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
    """The plan that ships with the project.

    Raises:
        ConfigError: it has a fault, or names what the profile does not have.
    """
    path = root / FOLDER / "plan.yaml"
    try:
        plan = Plan.model_validate(YAML(typ="safe", pure=True).load(path.read_text()))
    except (OSError, YAMLError) as error:
        raise ConfigError(f"{FOLDER}/plan.yaml: {' '.join(str(error).split())[:200]}") from error
    except ValidationError as error:
        raise ConfigError(f"{FOLDER}/plan.yaml: {faults(error)[0]}") from error
    for block in plan.blocks:
        if fault := _fault(block, params):
            raise ConfigError(f"{FOLDER}/plan.yaml: block {block.name!r}: {fault}")
    return plan


def trainings(plan: Plan, params: Params) -> Iterator[tuple[Block, Training]]:
    """Every final training once, in order: block by block, seed by seed, so that any prefix compares pairs."""
    seen: set[Training] = set()
    for block in plan.blocks:
        for seed in params.seeds_on(block.dataset)[: block.seeds]:
            for updates in block.updates:
                for method in block.methods:
                    one = Training(block.dataset, method, updates, seed)
                    if one not in seen:
                        seen.add(one)
                        yield block, one


def _fault(block: Block, params: Params) -> str | None:
    known: dict[str, Any] = dict(params.methods_on(block.dataset)) if block.dataset in params.datasets else {}
    if not known:
        return f"no dataset {block.dataset} in the profile"
    if unknown := [name for name in block.methods if name not in known]:
        return f"no method {unknown[0]} on {block.dataset} in the profile"
    if unknown := [str(n) for n in block.updates if n not in params.updates_on(block.dataset)]:
        return f"no budget {unknown[0]} on {block.dataset} in the profile"
    if block.seeds > len(params.seeds_on(block.dataset)):
        return f"{block.seeds} seeds, and the profile has {len(params.seeds_on(block.dataset))}"
    return None
