"""One condition: search on validation data, then final runs, every budget x seed. What notebooks/train.ipynb calls."""

import os
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any, Literal

import pandas as pd
import torch
from safetensors.torch import save_file
from torch import nn

from samo import datasets
from samo.optim.process_group import ALONE, Ranks
from samo.study import config, paths, store
from samo.study.config.conditions import Condition, condition
from samo.study.runs import checkpoint, ranks, results
from samo.study.runs.trainings import Trainings, Watch
from samo.study.tracking import track
from samo.training.evaluation import reported
from samo.training.loop import Fit, Recipe, fresh
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
        seeds, updates: there is one final training per seed and budget.
        device: where to train.

    If it was stopped, it resumes from its checkpoints. With `train.processes` above 1, `write` starts these processes,
    which do all the work; `group` is theirs, in one of them.

    Raises:
        ValueError: no such dataset or method in params.yaml.
        samo.study.errors.ConfigError: this machine has not the devices that params.yaml asks for.
    """

    def __init__(self, dataset: str, method: str, group: Ranks = ALONE) -> None:
        self._root, self._params, self._group = paths.root(), config.load(), group
        root, params = self._root, self._params
        self._condition, block = condition(params, dataset, method), params.datasets[dataset]
        self._method, self._plan = params.methods_on(dataset)[method], config.plan(params, dataset, method)
        self._donor = root / Condition(dataset, params.arms.donor).search if method in params.arms.methods else None
        self.device = ranks.device(params.train, group.number)
        self.seeds, self.updates = params.seeds_on(dataset, method), params.updates_on(dataset, method)
        torch.set_num_threads(params.train.threads)
        # As use_deterministic_algorithms, without its second of imports.
        torch.set_deterministic_debug_mode("warn")
        self.problem = datasets.get(dataset).problem(root / "data/prepared" / dataset, block.training)
        watch = Watch(self._condition.name, sum(self._plan.trials), sum(self._plan.finals))
        kept, sync = self._checkpoints(), params.train.sync_batchnorm
        self._trainings = Trainings(self.problem, block.training, self._method, watch, kept, self.device, group, sync)
        tracked = not group.number and os.environ.get(paths.TRACKING) != "off"
        self._views = track.Live(root, params, self._condition, config.device_name(self.device), tracked)

    def network(self, seed: int) -> nn.Module:
        """A network as a training with this seed starts from it; torch's global random stream stays as it was."""
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(seed)
            return fresh(self.problem, separate=self._method.networks == "separate").to(self.device)

    def recipe(self) -> Recipe:
        """A training before anything is chosen: with the lowest values of the search."""
        values: dict[str, Any] = {"lr": 0.0, **self._plan.given}
        values |= {name: low for name, (low, _) in self._plan.ranges.items()}
        return self._trainings.recipe(Trial(**values), self.updates[0], self.seeds[0])

    def search(self) -> dict[int, Searched]:
        """Make the method's choices by short trainings scored on validation data: budget -> trials and choice.

        An arm takes the learning rates that its donor chose. Empty where other processes are to do it.
        """
        if self._group.group is None and self._params.train.processes > 1:
            return {}
        if self._donor is None:
            return self._trainings.search(self._plan, self._params.datasets[self._condition.dataset].search)
        given: dict[str, Any] = {**self._plan.given}
        donor = results.read_search(self._donor)
        return {int(n): Searched([], Trial(**{"lr": one["chosen"]["lr"], **given}), []) for n, one in donor.items()}

    def train(self, searched: dict[int, Searched]) -> Fits:
        """Run one training per budget and seed with what was chosen for it, shown live in MLflow.

        Raises:
            samo.training.loop.DivergedError: a loss stopped being finite.
        """
        fits: Fits = {}
        work = [(n, seed) for n in self.updates for seed in self.seeds] if searched else []
        watch = self._trainings.watch
        with self._views:
            for k, (n, seed) in enumerate(work, 1):
                chosen = searched[taken_from(searched, n)].chosen
                watch.phase(f"{n} updates, seed {seed} ({k}/{len(work)})", n, watch.searched if k == 1 else None)
                self._views.start(n, seed, chosen)
                log = partial(self._views.log, n, seed)
                fits[n, seed] = self._trainings.fit(f"{n}-{seed}", chosen, n, seed, ("val", "test"), on_rows=log)
        return fits

    def write(self, searched: dict[int, Searched], fits: Fits) -> Result:
        """Write the condition's files, whole or not at all, and finish its runs in MLflow.

        The search (except an arm's), metrics.json, history.csv, layers.csv for a shared trunk, and the weights. What
        holds for this execution only (times, device, commit) goes to MLflow, never into these files.

        Raises:
            samo.study.errors.RankError: one of several processes failed or was killed.
            samo.training.loop.DivergedError: in all of them, a loss stopped being finite.
        """
        if self._group.group is None and self._params.train.processes > 1:
            return Result(**ranks.together(self._condition, self._params.train.processes))
        with self._views:
            trials = {} if self._donor else {str(n): found.stored() for n, found in searched.items()}
            metrics = store.rounded(self._metrics(searched, fits))
            result = Result(metrics, store.rounded(trials), _rows(fits, "history"))
            if not self._group.number:
                self._write(result, fits)
            self._views.finish(result.at)
        self._trainings.kept.clear()
        return result

    def _metrics(self, searched: dict[int, Searched], fits: Fits) -> dict[str, Any]:
        budgets: dict[str, Any] = {
            str(n): {"chosen": searched[taken_from(searched, n)].chosen.choice, "seeds": {}} for n in self.updates
        }
        for (n, seed), run in fits.items():
            values = reported(self.problem, run.history, self._trainings.training)
            budgets[str(n)]["seeds"][str(seed)] = {
                task: {m.name: values[task][m.name] for m in self.problem.measures if m.task == task}
                for task in self.problem.tasks
            }
        return {
            "dataset": self._condition.dataset,
            "method": self._condition.method,
            **self._method.made_of,
            "tasks": list(self.problem.tasks),
            "metrics": described(self.problem),
            "updates": budgets,
        }

    def _write(self, result: Result, fits: Fits) -> None:
        root, own = self._root, self._condition
        if result.searched:
            store.write_json(root / own.search, result.searched)
        with store.whole_folder(root / own.runs) as folder:
            store.write_json(folder / "metrics.json", result.metrics)
            for name, rows in {"history": result.history, "layers": _rows(fits, "layers")}.items():
                if rows:
                    table = pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")
                    store.write_text(folder / f"{name}.csv", table)
        with store.whole_folder(root / own.models) as folder:
            for (n, seed), run in fits.items():
                # Contiguous tensors: safetensors refuses others.
                weights = {name: t.detach().cpu().contiguous() for name, t in run.network.state_dict().items()}
                save_file(weights, folder / own.weights(n, seed).name)

    def _checkpoints(self) -> checkpoint.Checkpoints:
        """This condition's checkpoints, for the present state of all that its bytes depend on."""
        own = self._condition
        settings = {
            "condition": [own.dataset, own.method, self.seeds, self.updates],
            "train": self._params.train.model_dump(mode="json"),
            "block": self._params.datasets[own.dataset].model_dump(mode="json"),
            "method": self._method.model_dump(mode="json"),
            "donor": store.digest(self._donor) if self._donor else "",
            "device": config.device_name(self.device),
            "versions": {name: version(name) for name in ("numpy", "torch", "torchjd")},
        }
        made_from = checkpoint.made_from(self._root, own.dataset, settings)
        return checkpoint.Checkpoints(paths.checkpoints(self._root) / own.name, made_from, self.device, self._group)


def train_condition(dataset: str, method: str, group: Ranks = ALONE) -> Result:
    """Search, train every budget and seed, and write: what notebooks/train.ipynb does step by step."""
    condition = OpenCondition(dataset, method, group)
    searched = condition.search()
    return condition.write(searched, condition.train(searched))


def described(problem: Problem) -> list[dict[str, Any]]:
    """What is measured, as metrics.json has it."""
    return [
        {"task": m.task, "metric": m.name, "higher_is_better": m.higher_is_better, "unit": m.unit, "counts": m.counts}
        for m in problem.measures
    ]


def _rows(fits: Fits, part: Literal["history", "layers"]) -> list[dict[str, Any]]:
    rows = [{"updates": n, "seed": s, **row._asdict()} for (n, s), run in fits.items() for row in getattr(run, part)]
    return list(store.rounded(rows))
