"""What an analysis works on: a dataset's problem, its methods, their histories and trained networks."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

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
from samo.study.errors import NotebookError
from samo.study.runs import results
from samo.study.runs.formats import csv_text
from samo.training.loop import fresh
from samo.training.problem import Problem


class Setting:
    """One analysis of one dataset: what it works on, and where its table goes.

    Attributes:
        options: the analysis's settings, of the type `Options` of its module.
        training: the dataset's training settings.
        seeds: those of the dataset's final trainings.
        methods: the main methods with a shared trunk, in their order; only those that the options choose, if they do.
        table: what the methods are made of, as figures need it: method, aggregator, sharpness, networks.
    """

    def __init__(self, root: Path, params: Params, dataset: str, analysis: str) -> None:
        self._root, self._params, self._dataset, self._analysis = root, params, dataset, analysis
        self.options: Any = params.options(analysis)
        self.training, self.seeds = params.datasets[dataset].training, params.seeds_on(dataset)
        shared = {name: m for name, m in params.main_on(dataset).items() if m.networks == "shared"}
        if isinstance(choice := self.options, MethodFilter):
            shared = {name: m for name, m in shared.items() if choice.takes(m.aggregator_name, m.preset_name)}
        rows = [(name, m.aggregator_name, m.preset_name, m.networks) for name, m in shared.items()]
        self.methods = shared
        self.table = pd.DataFrame(rows, columns=["method", "aggregator", "sharpness", "networks"])

    @cached_property
    def device(self) -> torch.device:
        """Where to compute."""
        return config.device(self._params.train.device)

    @cached_property
    def problem(self) -> Problem:
        """The dataset's problem."""
        return problem(self._root, self._params, self._dataset)

    def networks(self, seeds: int) -> Iterator[tuple[str, int, nn.Module]]:
        """(method, seed, trained network) of `methods` and the first `seeds` seeds, on the device, in eval mode.

        A method that has not run is reported and left out.

        Raises:
            NotebookError: none has run, or a file of weights is missing or of another network.
        """
        asked = [condition(self._params, self._dataset, method) for method in self.methods]
        ran = [cell for cell in asked if (self._root / cell.models).is_dir()]
        for cell in asked if ran else ():
            if cell not in ran:
                print(f"without {cell.name}: it has not run")
        work = [(c, s) for c in ran or asked for s in self._params.seeds_on(self._dataset, c.method)[:seeds]]
        for done, (cell, seed) in enumerate(work):
            progress.report(phase=f"{cell.method}, seed {seed}", done=round(done / len(work), 4))
            yield cell.method, seed, network(self._root, self._params, cell, seed, self.problem).to(self.device)

    def histories(self, name: str) -> dict[str, pd.DataFrame | None]:
        """Method -> history.csv or layers.csv of its condition, None where it has not run."""
        return results.read_histories(self._root, self._dataset, self.methods, name)

    def write(self, table: pd.DataFrame) -> None:
        """Write data/analysis/<dataset>/<analysis>.csv."""
        path = self._root / "data/analysis" / self._dataset / f"{self._analysis}.csv"
        store.write_text(path, csv_text(table))


def setting(dataset: str, analysis: str) -> Setting:
    """The setting of a dataset in the active profile; sets torch's threads to the profile's number."""
    params = config.load()
    torch.set_num_threads(params.train.threads)
    return Setting(paths.root(), params, dataset, analysis)


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
