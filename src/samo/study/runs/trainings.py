"""The single trainings of a condition: which there are, where each resumes, and how far the condition is."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from samo.optim import sharpness
from samo.optim.process_group import ALONE, Ranks
from samo.study import progress, store
from samo.study.config.conditions import Plan
from samo.study.config.method import Method
from samo.study.runs import checkpoint
from samo.training.evaluation import values_of
from samo.training.loop import DivergedError, Fit, Progress, Recipe, fit
from samo.training.problem import Problem
from samo.training.search import Search, Searched, Trial, search
from samo.training.settings import Training
from samo.training.state import StateError


class Watch:
    """Turns the progress of single trainings into a share of the condition's whole work.

    `searched` is the most updates of its search, `final` those of its final runs.
    """

    def __init__(self, name: str, searched: int, final: int) -> None:
        self.name, self.searched, self.work = name, searched, searched + final
        self.behind, self.label, self.updates = 0, "", 0

    def phase(self, label: str, updates: int, behind: int | None = None) -> None:
        """Begin a training of `updates` updates; `behind` is how many came before it, by default all so far."""
        self.behind = self.behind + self.updates if behind is None else behind
        self.label, self.updates = label, updates
        self(Progress(0, updates, float("nan")))

    def __call__(self, event: Progress) -> None:
        """A training's own progress."""
        said = event._asdict() | {"loss": store.rounded(event.loss)}
        done = round((self.behind + event.update) / self.work, 4)
        progress.report(condition=self.name, phase=self.label, **said, done=done)


@dataclass(frozen=True)
class Trainings:
    """What all trainings of a condition share; `group` are the processes that share each batch."""

    problem: Problem
    training: Training
    method: Method
    watch: Watch
    kept: checkpoint.Checkpoints
    device: torch.device
    group: Ranks = ALONE
    sync_batchnorm: bool = True  # whether BatchNorm normalises by the batches of the whole group

    def recipe(self, trial: Trial, updates: int, seed: int) -> Recipe:
        """One training, with the values of a trial."""
        return Recipe(
            aggregator=self.method.aggregator_name,
            options=self.method.aggregator_options,
            sharpness=sharpness.preset(self.method.preset_name, **trial.fields(self.method.preset_fields)),
            separate=self.method.networks == "separate",
            lr=trial.lr,
            updates=updates,
            training=self.training,
            optimizer=self.method.optimizer,
            seed=seed,
            device=self.device,
            group=self.group.group,
            sync_batchnorm=self.sync_batchnorm,
        )

    def fit(self, name: str, trial: Trial, updates: int, seed: int, splits: Sequence[str], **more: Any) -> Fit:
        """One training from what was kept under a name, or from its beginning; see `samo.training.loop.fit`."""
        more |= {"on_progress": self.watch, "keep": partial(self.kept.write, name)}
        train = partial(fit, self.problem, self.recipe(trial, updates, seed), splits, **more)
        try:
            return train(resume=self.kept.read(name))
        except StateError as error:
            self.kept.refuse(name, str(error))
            return train()

    def search(self, plan: Plan, how: Search) -> dict[int, Searched]:
        """Budget -> its trials and the one chosen; trainings whose scores were kept are not rerun.

        Test data are out of reach here.
        """
        scores: list[float] = self.kept.read("search") or []
        made, total = 0, len(plan.trials)

        def score(updates: int, trial: Trial) -> dict[str, float]:
            nonlocal made
            found = {}
            for seed in how.seeds:
                made += 1
                self.watch.phase(f"search {made}/{total}", updates)
                if made > len(scores):
                    try:
                        run = self.fit(f"search-{made}", trial, updates, seed, ("val",), along=False)
                        scores.append(self.problem.score(values_of(run.history, "val")))
                    except DivergedError:
                        scores.append(float("-inf"))
                    if self.kept.write("search", lambda: scores):
                        for number in range(1, made + 1):
                            self.kept.drop(f"search-{number}")
                found[str(seed)] = scores[made - 1]
            return found

        return {n: search(partial(score, n), plan.given, plan.ranges, how) for n in plan.budgets}
