"""One condition: search on validation data, then one final run for every seed. What notebooks/train.ipynb calls."""

import csv
import io
import os
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import save_file
from torch import nn

from samo import datasets
from samo.optim.process_group import ALONE, Ranks
from samo.study import config, paths, store
from samo.study.config.conditions import Condition
from samo.study.config.method import Method
from samo.study.runs import checkpoint, place, ranks
from samo.study.runs.trainings import Watch, go_on, recipe_of, search_condition
from samo.study.tracking import track
from samo.training.evaluation import reported
from samo.training.loop import DivergedError, Fit, Recipe, fit, fresh
from samo.training.problem import Problem
from samo.training.search import Trial
from samo.training.settings import Training


@dataclass(frozen=True)
class Result:
    """What a condition gave, as it was written."""

    metrics: dict[str, Any]
    history: list[dict[str, Any]]


@dataclass(frozen=True)
class Searched:
    """The trials of a search on validation data, in the order made, and the one chosen."""

    trials: list[Trial]
    chosen: Trial


class OpenCondition:
    """A condition that can be looked at, searched, trained and written, one after the other.

        condition = open_condition(dataset, method)
        searched = condition.search()
        fits = condition.train(searched.chosen)
        result = condition.write(searched, fits)

    Attributes:
        problem: the dataset's.
        method: as params.yaml says it, on this dataset.
        training: the dataset's settings of training.
        seeds: one final training each.
        device: where to train.
    """

    def __init__(self, dataset: str, method: str, here: place.Place) -> None:
        self._root, self._params = paths.root(), config.load()
        self._here = here
        self._condition, block = Condition(dataset, method), self._params.datasets[dataset]
        self.method, self.training, self.device = self._params.methods_on(dataset)[method], block.training, here.device
        self.seeds = self._params.seeds_on(dataset)
        torch.set_num_threads(self._params.train.threads)
        # What use_deterministic_algorithms does, but for a second of imports.
        torch.set_deterministic_debug_mode("warn")
        self.problem = datasets.get(dataset).problem(self._root / "data/prepared" / dataset, block.training)
        self._grids = config.grids(self._params, dataset, self.method)
        self._watch = Watch(self._condition, self._params, self.method)
        self._kept = _checkpoints(self._params, self._condition, self.method, self.device, here.ranks)
        self._views: track.Live | None = None
        self._tracking = ExitStack()
        self._answer: dict[str, Any] = {}

    def network(self, seed: int) -> nn.Module:
        """A network as a training with this seed starts from it; torch's global random stream stays as it was."""
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(seed)
            return fresh(self.problem, separate=self.method.networks == "separate").to(self.device)

    def recipe(self, trial: Trial | None = None, seed: int = 0) -> Recipe:
        """What a final training is with what a trial chose; by default with the middle of each grid."""
        trial = trial or Trial(**{name: values[len(values) // 2] for name, values in self._grids.items()})
        return recipe_of(self.method, self.training, trial, self.training.epochs, seed, self._here)

    def search(self) -> Searched:
        """Choose the learning rate, rho (and alpha) by short trainings scored on validation data.

        With `train.processes` above 1, processes of their own search and train in one go, at this call.

        Raises:
            samo.study.errors.RankError: one of several processes failed or was killed.
        """
        params, condition = self._params, self._condition
        if self._here.ranks.group is None and params.train.processes > 1:
            self._answer = ranks.together(condition.dataset, condition.method, params.train.processes)
            if "diverged" in self._answer:
                raise DivergedError(self._answer["diverged"])
            found = self._answer["metrics"]["search"]
            return Searched([Trial(**trial) for trial in found["trials"]], Trial(**found["chosen"]))
        setting = (self.problem, self.training, self.method, self._grids, self.seeds[0])
        return Searched(*search_condition(*setting, self._here, self._watch, self._kept))

    def train(self, chosen: Trial) -> dict[int, Fit]:
        """One training for every seed with what was chosen, shown live in MLflow: seed -> what it gave.

        Raises:
            samo.training.loop.DivergedError: a loss stopped being finite.
        """
        fits: dict[int, Fit] = {}
        if self._answer:
            return fits
        with ExitStack() as tracking:
            if self._here.writes and os.environ.get(paths.TRACKING) != "off":
                device = config.device_name(self.device)
                self._views = tracking.enter_context(
                    track.Live(self._root, self._params, self._condition, chosen, device)
                )
            for k, seed in enumerate(self.seeds, 1):
                self._watch.phase(f"seed {seed} ({k}/{len(self.seeds)})", self.training.epochs)
                train = partial(fit, self.problem, self.recipe(chosen, seed), ("val", "test"), on_progress=self._watch)
                if self._views is not None:
                    train = partial(train, on_epoch=self._views.start(seed))
                fits[seed] = go_on(self._kept, f"seed-{seed}", train)
            self._tracking = tracking.pop_all()
        return fits

    def write(self, searched: Searched, fits: dict[int, Fit]) -> Result:
        """Write the condition's files, whole or not at all, and finish its runs in MLflow.

        `data/runs/<dataset>/<method>/metrics.json` and `history.csv`, `layers.csv` for a method with a shared trunk,
        and the weights under `data/models/`. What holds for this machine only (times, device, commit) goes to MLflow,
        never in there.
        """
        if self._answer:
            return Result(self._answer["metrics"], self._answer["history"])
        with self._tracking:
            metrics = _metrics(self.problem, self._condition, self.training, self.method, searched, fits)
            history = [{"seed": seed, **row._asdict()} for seed, run in fits.items() for row in run.history]
            if self._here.writes:
                _write(self._root, self._condition, metrics, history, fits)
            if self._views is not None:
                self._views.finish(store.read_json(self._root / self._condition.runs / "metrics.json"))
        self._kept.clear()
        return Result(store.rounded(metrics), cast("list[dict[str, Any]]", store.rounded(history)))


def open_condition(dataset: str, method: str) -> OpenCondition:
    """A condition of the active profile; one that was stopped goes on from its checkpoints.

    Args:
        dataset: of the condition.
        method: of the condition.

    Raises:
        KeyError: no such dataset or method in params.yaml.
        samo.study.errors.ConfigError: this machine has not the devices that params.yaml asks for.
    """
    params = config.load()
    _ = params.datasets[dataset], params.methods_on(dataset)[method]
    return OpenCondition(dataset, method, place.Place(place.device(params.train)))


def train_cell(dataset: str, method: str) -> Result:
    """Search, train every seed, and write: what notebooks/train.ipynb does step by step; see `open_condition`."""
    return _all_of(open_condition(dataset, method))


def train_here(dataset: str, method: str, here: place.Place) -> Result:
    """As `train_cell`, in this process, alone or as one of several that all call it."""
    return _all_of(OpenCondition(dataset, method, here))


def _all_of(condition: OpenCondition) -> Result:
    searched = condition.search()
    return condition.write(searched, condition.train(searched.chosen))


def _write(
    root: Path, condition: Condition, metrics: dict[str, Any], history: list[dict[str, Any]], fits: dict[int, Fit]
) -> None:
    layers = [{"seed": seed, **row._asdict()} for seed, run in fits.items() for row in run.layers]
    with store.whole_folder(root / condition.runs) as folder:
        store.write_json(folder / "metrics.json", metrics)
        store.write_text(folder / "history.csv", _csv(history))
        if layers:
            store.write_text(folder / "layers.csv", _csv(layers))
    with store.whole_folder(root / condition.models) as folder:
        for seed, run in fits.items():
            # Tensors in one plain layout: safetensors refuses strided ones.
            weights = {name: t.detach().cpu().contiguous() for name, t in run.network.state_dict().items()}
            save_file(weights, folder / f"{seed}.safetensors")


def _checkpoints(
    params: config.Params,
    condition: Condition,
    method: Method,
    device: torch.device,
    group: Ranks = ALONE,
) -> checkpoint.Checkpoints:
    root, block = paths.root(), params.datasets[condition.dataset]
    settings = {
        "condition": [condition.dataset, condition.method],
        "seeds": params.seeds_on(condition.dataset),
        "train": params.train.model_dump(mode="json"),
        "data": block.data.model_dump(mode="json"),
        "training": block.training.model_dump(mode="json"),
        "grids": config.grids(params, condition.dataset, method),
        "method": method.model_dump(mode="json"),
        "device": config.device_name(device),
        "versions": {name: version(name) for name in ("numpy", "torch", "torchjd")},
    }
    made_from = checkpoint.made_from(root, condition.dataset, settings)
    return checkpoint.Checkpoints(paths.checkpoints(root) / condition.name, made_from, device, group)


def _metrics(
    problem: Problem,
    condition: Condition,
    training: Training,
    method: Method,
    searched: Searched,
    fits: dict[int, Fit],
) -> dict[str, Any]:
    return {
        "dataset": condition.dataset,
        "method": condition.method,
        "aggregator": method.aggregator_name,
        "options": method.aggregator_options,
        "sharpness": method.preset_name,
        "fields": method.preset_fields,
        "networks": method.networks,
        "tasks": list(problem.tasks),
        "metrics": [
            {"task": m.task, "metric": m.name, "higher_is_better": m.higher_is_better, "unit": m.unit}
            for m in problem.metrics
        ],
        "search": {
            "trials": [{**t.choice, "score": t.score} for t in searched.trials],
            "chosen": searched.chosen.choice,
        },
        "seeds": {
            str(seed): {
                task: {name: value for name, value in by_name.items() if name != "loss"}
                for task, by_name in reported(problem, run.history, training).items()
            }
            for seed, run in fits.items()
        },
    }


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(store.rounded(rows))
    return text.getvalue()
