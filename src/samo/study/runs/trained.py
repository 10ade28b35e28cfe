"""What an analysis works on: a dataset's problem, its methods, their histories and trained networks."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from samo import datasets
from samo.analysis.parts.method_filter import MethodFilter
from samo.study import config, paths, progress, store
from samo.study.config import Params
from samo.study.config.conditions import Condition, condition
from samo.study.config.method import Method
from samo.study.errors import NotebookError
from samo.study.runs import results
from samo.study.runs.formats import csv_text
from samo.training.loop import fresh
from samo.training.problem import Problem
from samo.training.settings import Training


@dataclass(frozen=True)
class Setting:
    """One analysis of one dataset: what it works on, and where its table goes."""

    root: Path
    params: Params
    dataset: str
    analysis: str  # its name in params.yaml

    @cached_property
    def options(self) -> Any:
        """The analysis's settings, of the type `Options` of its module."""
        return self.params.options(self.analysis)

    @cached_property
    def problem(self) -> Problem:
        """The dataset's problem."""
        return problem(self.root, self.params, self.dataset)

    @cached_property
    def device(self) -> torch.device:
        """Where to compute."""
        return config.device(self.params.train.device)

    @property
    def training(self) -> Training:
        """The dataset's training settings."""
        return cast("Training", self.params.datasets[self.dataset].training)

    @property
    def seeds(self) -> list[int]:
        """The seeds of the dataset's final trainings."""
        return self.params.seeds_on(self.dataset)

    @cached_property
    def methods(self) -> dict[str, Method]:
        """The main methods with a shared trunk, in their order; only those that the options choose, if they do."""
        shared = {name: m for name, m in self.params.main_on(self.dataset).items() if m.networks == "shared"}
        if not isinstance(choice := self.options, MethodFilter):
            return shared
        return {name: m for name, m in shared.items() if choice.takes(m.aggregator_name, m.preset_name)}

    @property
    def table(self) -> pd.DataFrame:
        """What the methods are made of, as figures need it: method, aggregator, sharpness, networks."""
        rows = [(name, m.aggregator_name, m.preset_name, m.networks) for name, m in self.methods.items()]
        return pd.DataFrame(rows, columns=["method", "aggregator", "sharpness", "networks"])

    def networks(self, seeds: int) -> Iterator[tuple[str, int, nn.Module]]:
        """(method, seed, trained network) of `methods` and the first `seeds` seeds, on the device, in eval mode.

        A method that has not run is reported and left out.

        Raises:
            NotebookError: none has run, or a file of weights is missing or of another network.
        """
        asked = [condition(self.params, self.dataset, method) for method in self.methods]
        ran = [cell for cell in asked if (self.root / cell.models).is_dir()]
        for cell in asked if ran else ():
            if cell not in ran:
                print(f"without {cell.name}: it has not run")
        work = [(c, s) for c in ran or asked for s in self.params.seeds_on(self.dataset, c.method)[:seeds]]
        for done, (cell, seed) in enumerate(work):
            progress.report(phase=f"{cell.method}, seed {seed}", done=round(done / len(work), 4))
            yield cell.method, seed, network(self.root, self.params, cell, seed, self.problem).to(self.device)

    def histories(self, name: str) -> dict[str, pd.DataFrame | None]:
        """Method -> history.csv or layers.csv of its condition, None where it has not run."""
        return results.read_histories(self.root, self.dataset, self.methods, name)

    def write(self, table: pd.DataFrame) -> None:
        """Write data/analysis/<dataset>/<analysis>.csv."""
        path = self.root / "data/analysis" / self.dataset / f"{self.analysis}.csv"
        store.write_text(path, csv_text(table))


def setting(dataset: str, analysis: str) -> Setting:
    """The setting of a dataset in the active profile; sets torch's threads to the profile's number."""
    root, params = paths.root(), config.load()
    torch.set_num_threads(params.train.threads)
    return Setting(root, params, dataset, analysis)


def problem(root: Path, params: Params, dataset: str) -> Problem:
    """A dataset's problem from its prepared arrays, with the training settings of the profile."""
    return datasets.get(dataset).problem(root / "data/prepared" / dataset, params.datasets[dataset].training)


def network(root: Path, params: Params, cell: Condition, seed: int, of: Problem) -> nn.Module:
    """The network of a condition at the end of its longest budget, in eval mode on the CPU.

    Raises:
        NotebookError: the condition has not been run with that seed, or its weights are of another network.
    """
    path = root / cell.weights(params.updates_on(cell.dataset, cell.method)[-1], seed)
    if not path.exists():
        raise NotebookError(f"{path}: not there: `dvc repro {cell.stage}` trains it")
    made = fresh(of, separate=params.methods_on(cell.dataset)[cell.method].networks == "separate")
    try:
        weights = load_file(path)
        made.load_state_dict(weights)
        if broken := [name for name, tensor in weights.items() if not tensor.isfinite().all()]:
            raise ValueError(f"{broken[0]} is not finite")
    except (RuntimeError, OSError, ValueError, SafetensorError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise NotebookError(f"{path}: weights of another network ({reason}): `dvc repro -f {cell.stage}`") from error
    return made.eval()
