"""What an analysis of trained networks starts from: the dataset's problem, its cells, their weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from samo import datasets
from samo.analysis.parts.choice import Choice
from samo.models.multitask import MultiTaskNetwork, SeparateNetworks
from samo.study import config, paths
from samo.study.config import Params
from samo.study.config.conditions import Condition, conditions
from samo.study.config.method import Method
from samo.study.errors import NotebookError
from samo.training.problem import Problem
from samo.training.settings import Settings


@dataclass(frozen=True)
class Setting:
    """Where an analysis works.

    Attributes:
        root: the project's folder.
        params: the active profile.
        dataset: the one that is looked at.
        problem: of that dataset.
        device: where to compute.
    """

    root: Path
    params: Params
    dataset: str
    problem: Problem
    device: torch.device

    def options(self, analysis: str) -> Settings:
        """The analysis's settings."""
        return self.params.options(analysis)

    def cells(self, methods: Mapping[str, Method]) -> list[Condition]:
        """Those of these methods, in the order of params.yaml; one that has not run is said and left out.

        Where none has run all are given: `network` then says what is missing.
        """
        asked = [c for c in conditions(self.params) if c.dataset == self.dataset and c.method in methods]
        ran = [cell for cell in asked if (self.root / cell.models).is_dir()]
        for cell in asked if ran else ():
            if cell not in ran:
                print(f"without {cell.name}: it has not run")
        return ran or asked

    def work(self, methods: Mapping[str, Method], seeds: int) -> list[tuple[Condition, int]]:
        """(cell, seed) of these methods and of the first so many seeds."""
        return [(cell, seed) for cell in self.cells(methods) for seed in self.params.seeds_on(self.dataset)[:seeds]]

    def network(self, cell: Condition, seed: int) -> nn.Module:
        """See `network`; on this device."""
        return network(self.root, self.params, cell, seed, self.problem).to(self.device)


def setting(dataset: str) -> Setting:
    """Of a dataset of the active profile; sets the number of threads to the profile's."""
    root, params = paths.root(), config.load()
    torch.set_num_threads(params.train.threads)
    return Setting(root, params, dataset, problem(root, params, dataset), config.device(params.train.device))


def problem(root: Path, params: Params, dataset: str) -> Problem:
    """A dataset's problem from its prepared arrays, with the training settings of the profile."""
    return datasets.get(dataset).problem(root / "data/prepared" / dataset, params.dataset[dataset].training)


def network(root: Path, params: Params, cell: Condition, seed: int, of: Problem) -> nn.Module:
    """The network of a cell after its last epoch, in eval mode on the CPU.

    Raises:
        NotebookError: the cell has not been run with that seed, or its weights are of another network.
    """
    path = root / cell.models / f"{seed}.safetensors"
    if not path.exists():
        raise NotebookError(f"{path}: not there: `dvc repro {cell.stage}` trains it")
    made = of.network()
    if params.methods_on(cell.dataset)[cell.method].networks == "separate":
        made = SeparateNetworks(cast("MultiTaskNetwork", made))
    try:
        weights = load_file(path)
        made.load_state_dict(weights)
        if broken := [name for name, tensor in weights.items() if not tensor.isfinite().all()]:
            raise ValueError(f"{broken[0]} is not finite")
    except (RuntimeError, OSError, ValueError, SafetensorError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise NotebookError(f"{path}: weights of another network ({reason}): `dvc repro -f {cell.stage}`") from error
    return made.eval()


def shared(params: Params, dataset: str) -> dict[str, Method]:
    """The dataset's main methods with a shared trunk, in their order."""
    return {name: method for name, method in params.main_on(dataset).items() if method.networks == "shared"}


def chosen(params: Params, dataset: str, choice: Choice) -> dict[str, Method]:
    """Of `shared`, those that an analysis looks at."""
    return {
        name: method
        for name, method in shared(params, dataset).items()
        if choice.takes(method.aggregator_name, method.preset_name)
    }
