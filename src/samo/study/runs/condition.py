"""One condition: search on validation data, then final runs, every budget x seed. What notebooks/train.ipynb calls."""

import os
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

import pandas as pd
import torch
from safetensors.torch import save_file
from torch import nn

from samo import datasets
from samo.study import config, paths, store
from samo.study.config.conditions import Condition, condition
from samo.study.runs import checkpoint, place, ranks, results
from samo.study.runs.trainings import Trainings, Watch
from samo.study.tracking import track
from samo.training.evaluation import reported
from samo.training.loop import DivergedError, Fit, Recipe, fit, fresh
from samo.training.problem import Problem
from samo.training.search import Searched, Trial, taken_from

Fits = dict[tuple[int, int], Fit]
"""(Budget, seed) -> the result of the final run."""


@dataclass(frozen=True)
class Result:
    """The results of a condition, as written: metrics.json, its trials, history.csv."""

    metrics: dict[str, Any]
    searched: dict[str, Any]
    history: list[dict[str, Any]]

    def at(self, updates: int | None = None) -> results.Run:
        """The condition as tables see it, at one budget; by default the longest."""
        return results.view(self.metrics, self.searched, updates)


class OpenCondition:
    """A condition of the active profile, to be inspected, searched, trained and written; see `train_condition`.

    Attributes:
        problem: the dataset's.
        method: as params.yaml says it, on this dataset.
        training: the dataset's training settings.
        seeds, updates: there is one final training per seed and budget.
        device: where to train.

    If it was stopped, it resumes from its checkpoints. `here` is one of several processes that all do the same.

    Raises:
        ValueError: no such dataset or method in params.yaml.
        samo.study.errors.ConfigError: this machine has not the devices that params.yaml asks for.
    """

    def __init__(self, dataset: str, method: str, here: place.Place | None = None) -> None:
        self._root, self._params = paths.root(), config.load()
        params = self._params
        self._condition, block = condition(params, dataset, method), params.datasets[dataset]
        self._here = here = here or place.Place(place.device(params.train))
        self.method, self.training, self.device = params.methods_on(dataset)[method], block.training, here.device
        self.seeds, self.updates = params.seeds_on(dataset, method), params.updates_on(dataset, method)
        torch.set_num_threads(params.train.threads)
        # As use_deterministic_algorithms, without its second of imports.
        torch.set_deterministic_debug_mode("warn")
        self.problem = datasets.get(dataset).problem(self._root / "data/prepared" / dataset, block.training)
        self._search, self._plan = block.search, config.plan(params, dataset, method)
        watch = Watch(self._condition.name, sum(self._plan.trials), sum(self._plan.finals))
        self._kept = self._checkpoints()
        self._trainings = Trainings(self.problem, self.training, self.method, here, watch, self._kept)
        tracked = here.writes and os.environ.get(paths.TRACKING) != "off"
        self._views = track.Live(self._root, params, self._condition, config.device_name(here.device), tracked)
        self._answer: dict[str, Any] = {}  # from the processes that trained it, if there are several

    def network(self, seed: int) -> nn.Module:
        """A network as a training with this seed starts from it; torch's global random stream stays as it was."""
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(seed)
            return fresh(self.problem, separate=self.method.networks == "separate").to(self.device)

    def recipe(self) -> Recipe:
        """A training before anything is chosen: with the lowest values of the search."""
        values: dict[str, Any] = {"lr": 0.0, **self._plan.given}
        values |= {name: low for name, (low, _) in self._plan.ranges.items()}
        return self._trainings.recipe(Trial(**values), self.updates[0], self.seeds[0])

    def search(self) -> dict[int, Searched]:
        """Make the method's choices by short trainings scored on validation data: budget -> trials and choice.

        An arm takes the learning rates that its donor chose. With `train.processes` above 1 this call trains, too.

        Raises:
            samo.study.errors.RankError: one of several processes failed or was killed.
        """
        params, own = self._params, self._condition
        if self._here.ranks.group is None and params.train.processes > 1:
            self._answer = ranks.together(own.dataset, own.method, params.train.processes)
            if "diverged" in self._answer:
                raise DivergedError(self._answer["diverged"])
            found = self._answer["searched"] or self._answer["metrics"]["updates"]
            tried = {n: [Trial(**trial) for trial in one.get("trials", [])] for n, one in found.items()}
            return {int(n): Searched(tried[n], Trial(**one["chosen"]), []) for n, one in found.items()}
        if own.method not in params.arms.methods:
            return self._trainings.search(self._plan, self._search)
        donor = results.read_search(self._root / Condition(own.dataset, params.arms.donor).search)
        given: dict[str, Any] = {**self._plan.given}
        return {int(n): Searched([], Trial(**{"lr": one["chosen"]["lr"], **given}), []) for n, one in donor.items()}

    def train(self, searched: dict[int, Searched]) -> Fits:
        """Run one training per budget and seed with what was chosen for it, shown live in MLflow.

        Raises:
            samo.training.loop.DivergedError: a loss stopped being finite.
        """
        fits: Fits = {}
        if self._answer:
            return fits
        work = [(n, seed) for n in self.updates for seed in self.seeds]
        watch = self._trainings.watch
        with self._views:
            for k, (n, seed) in enumerate(work, 1):
                chosen = searched[taken_from(searched, n)].chosen
                watch.phase(f"{n} updates, seed {seed} ({k}/{len(work)})", n, watch.searched if k == 1 else None)
                recipe = self._trainings.recipe(chosen, n, seed)
                self._views.start(n, seed, chosen)
                log = partial(self._views.log, n, seed)
                train = partial(fit, self.problem, recipe, ("val", "test"), on_progress=watch, on_rows=log)
                fits[n, seed] = self._trainings.go_on(f"{n}-{seed}", train)
        return fits

    def write(self, searched: dict[int, Searched], fits: Fits) -> Result:
        """Write the condition's files, whole or not at all, and finish its runs in MLflow.

        The search (except an arm's), metrics.json, history.csv, layers.csv for a shared trunk, and the weights. What
        holds for this execution only (times, device, commit) goes to MLflow, never into these files.
        """
        if self._answer:
            return Result(**self._answer)
        arm = self._condition.method in self._params.arms.methods
        trials = {} if arm else {str(n): found.stored() for n, found in searched.items()}
        with self._views:
            metrics = self._metrics(searched, fits)
            rows = [{"updates": n, "seed": seed, **row._asdict()} for (n, seed), f in fits.items() for row in f.history]
            result = Result(*map(store.rounded, (metrics, trials, rows)))
            if self._here.writes:
                self._write(result, fits)
            self._views.finish(result.at)
        self._kept.clear()
        return result

    def _metrics(self, searched: dict[int, Searched], fits: Fits) -> dict[str, Any]:
        tasks = self.problem.tasks
        budgets: dict[str, Any] = {
            str(n): {"chosen": searched[taken_from(searched, n)].chosen.choice, "seeds": {}} for n in self.updates
        }
        for (n, seed), run in fits.items():
            values = reported(self.problem, run.history, self.training)
            budgets[str(n)]["seeds"][str(seed)] = {
                task: {m.name: values[task][m.name] for m in self.problem.measures if m.task == task} for task in tasks
            }
        return {
            "dataset": self._condition.dataset,
            "method": self._condition.method,
            **self.method.made_of,
            "tasks": list(tasks),
            "metrics": described(self.problem),
            "updates": budgets,
        }

    def _write(self, result: Result, fits: Fits) -> None:
        root, own = self._root, self._condition
        if result.searched:
            store.write_json(root / own.search, result.searched)
        layers = [{"updates": n, "seed": s, **row._asdict()} for (n, s), run in fits.items() for row in run.layers]
        with store.whole_folder(root / own.runs) as folder:
            store.write_json(folder / "metrics.json", result.metrics)
            store.write_text(folder / "history.csv", _csv(result.history))
            if layers:
                store.write_text(folder / "layers.csv", _csv(layers))
        with store.whole_folder(root / own.models) as folder:
            for (n, seed), run in fits.items():
                # Contiguous tensors: safetensors refuses others.
                weights = {name: t.detach().cpu().contiguous() for name, t in run.network.state_dict().items()}
                save_file(weights, folder / own.weights(n, seed).name)

    def _checkpoints(self) -> checkpoint.Checkpoints:
        """This condition's checkpoints, for the present state of all that its bytes depend on."""
        own, block, arms = self._condition, self._params.datasets[self._condition.dataset], self._params.arms
        donor = self._root / Condition(own.dataset, arms.donor).search
        settings = {
            "condition": [own.dataset, own.method, self.seeds, self.updates],
            "train": self._params.train.model_dump(mode="json"),
            "block": block.model_dump(mode="json"),
            "method": self.method.model_dump(mode="json"),
            "donor": store.digest(donor) if own.method in arms.methods else "",
            "device": config.device_name(self.device),
            "versions": {name: version(name) for name in ("numpy", "torch", "torchjd")},
        }
        made_from = checkpoint.made_from(self._root, own.dataset, settings)
        folder = paths.checkpoints(self._root) / own.name
        return checkpoint.Checkpoints(folder, made_from, self.device, self._here.ranks)


def train_condition(dataset: str, method: str, here: place.Place | None = None) -> Result:
    """Search, train every budget and seed, and write: what notebooks/train.ipynb does step by step."""
    condition = OpenCondition(dataset, method, here)
    searched = condition.search()
    return condition.write(searched, condition.train(searched))


def described(problem: Problem) -> list[dict[str, Any]]:
    """What is measured, as metrics.json has it."""
    return [
        {"task": m.task, "metric": m.name, "higher_is_better": m.higher_is_better, "unit": m.unit, "counts": m.counts}
        for m in problem.measures
    ]


def _csv(rows: list[dict[str, Any]]) -> str:
    return pd.DataFrame(store.rounded(rows)).to_csv(index=False, lineterminator="\n")
