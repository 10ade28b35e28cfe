"""One training: updates, evaluation, history. Knows neither files nor DVC nor MLflow."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from samo import aggregation
from samo.models.multitask import MultiTaskNetwork, SeparateNetworks
from samo.optim import random_state
from samo.optim.closures import LossError
from samo.optim.process_group import Group, Ranks
from samo.optim.sharpness import Sharpness
from samo.optim.update import MultiTaskUpdate
from samo.training.agreement import Agreement, LayerCosine
from samo.training.evaluation import evaluate, values_of
from samo.training.problem import Batch, Problem, Values
from samo.training.schedule import Schedule, make_optimizer
from samo.training.settings import Named, Training
from samo.training.state import Running, State


class DivergedError(Exception):
    """A loss is NaN or infinite; the message says whose, and where."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides one training of a problem.

    Attributes:
        aggregator: its name.
        options: the aggregator's options.
        sharpness: how the point is perturbed.
        separate: one network per task instead of a shared trunk (STL).
        lr: learning rate at the start (under "onecycle", its peak).
        updates: how many; the training split is passed over as often as they need, the last time perhaps in part.
        training: batch, evaluations, schedule, weight decay, clipping.
        optimizer: replaces that of `training`, where it is given.
        seed: of weights, order of examples and random directions, each in a stream of its own.
        device: where to train.
        group: the processes that train together, each on its share of every batch; None for this one alone. All must
            make the same calls. Each has the same history and weights; its dropout masks are its own.
        sync_batchnorm: whether BatchNorm normalises by the batches of all of them; see `MultiTaskUpdate`.
    """

    aggregator: str
    sharpness: Sharpness
    lr: float
    updates: int
    training: Training
    seed: int
    optimizer: Named | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    separate: bool = False
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    group: Group | None = None
    sync_batchnorm: bool = True


class Row(NamedTuple):
    """One number of a training's history; `task` is "all" for what belongs to no single task."""

    update: int
    split: str
    task: str
    metric: str
    value: float


class Progress(NamedTuple):
    """Where a training stands: updates made, of how many, and the mean loss over tasks of the last one."""

    update: int
    updates: int
    loss: float


@dataclass(frozen=True)
class Fit:
    """What a training gives: its history, the network after the last update, and how tasks agreed on each layer."""

    history: list[Row]
    network: nn.Module
    layers: list[LayerCosine]


def fit(
    problem: Problem,
    recipe: Recipe,
    evaluate_on: Sequence[str],
    along: bool = True,
    on_progress: Callable[[Progress], None] = lambda _: None,
    on_rows: Callable[[list[Row]], None] = lambda _: None,
    resume: State | None = None,
    keep: Callable[[Callable[[], State]], None] = lambda _: None,
) -> Fit:
    """Train a fresh network, or resume one: from the state at a pass's end, the result is bit for bit the same.

    Args:
        problem: what to train on; only the split "train" moves weights.
        recipe: how.
        evaluate_on: the splits whose loss and metrics go into the history. Nothing in here goes by them.
        along: evaluate along the way, not only at the end, and watch how the tasks' gradients agree.
        on_progress: called about fifty times.
        on_rows: called with each evaluation's rows; a resumed training first passes all earlier rows.
        resume: a state made through `keep` in this same training.
        keep: called after each pass over the data with a function that makes the training's state; the
            callee decides whether to call it.

    Raises:
        DivergedError: a loss stopped being finite.
        StateError: `resume` is the state of another training.
    """
    torch.manual_seed(recipe.seed)
    network = fresh(problem, separate=recipe.separate).to(recipe.device)
    trunk, heads = cast("nn.Module", network.trunk), cast("nn.ModuleList", network.heads)
    order = torch.Generator().manual_seed(recipe.seed)
    directions = torch.Generator(recipe.device).manual_seed(recipe.seed)
    update = MultiTaskUpdate(
        trunk,
        heads,
        aggregator=aggregation.make(recipe.aggregator, tasks=len(problem.tasks), **recipe.options),
        sharpness=recipe.sharpness,
        generator=directions,
        group=recipe.group,
        sync_batchnorm=recipe.sync_batchnorm,
        raise_nonfinite=True,
    )
    ranks, training, updates = Ranks(recipe.group), recipe.training, recipe.updates
    learned = [*network.parameters(), *update.parameters()]
    kind = recipe.optimizer or training.optimizer
    optimizer = make_optimizer(learned, recipe.lr, training.weight_decay, kind)
    schedule = Schedule(optimizer, training, updates)
    evaluated = training.evaluated_at(updates)
    agreement: Agreement | None = None
    if along and not recipe.separate and len(problem.tasks) > 1:
        looks = training.conflict_batches
        agreement = Agreement(problem, network, update.network, recipe.device, evaluated, looks, ranks)
    running = Running(network, optimizer, schedule, update, order, agreement, recipe.device)
    done, history, total, since = 0, list[Row](), torch.zeros(len(problem.tasks), device=recipe.device), 0
    if resume is not None:
        done, kept, (total, since) = running.load(resume)
        history = [Row(*row) for row in kept]
        on_rows(list(history))
    elif agreement is not None:
        agreement.before_training()
    report_every = max(1, updates // 50)
    if (examples := len(problem.splits["train"])) < training.batch:
        raise ValueError(f"training.batch = {training.batch}: the training split has {examples} examples only")
    while done < updates:
        network.train()
        if ranks.number:
            # Other dropout masks than the first rank's. Seeded per pass, as a checkpoint keeps only the first's stream.
            random_state.seed_all(recipe.seed, done, ranks.number)
        batches = problem.splits["train"].batches(training.batch, recipe.device, order, recipe.group)
        for batch in islice(batches, updates - done):
            done += 1
            if agreement is not None:
                agreement.batches.look(done, partial(problem.losses, network, batch))
            try:
                losses = train_step(problem, network, update, optimizer, batch, training.clip)
            except FloatingPointError as error:
                said = _named(problem, error.losses) if isinstance(error, LossError) else str(error)
                raise DivergedError(f"{said} (update {done}): lower lr or rho") from error
            schedule.after_update()
            total, since = total + losses, since + 1
            if done % report_every == 0:
                on_progress(Progress(done, updates, float(losses.mean())))
            if done not in evaluated:
                continue
            mean = total / since
            rows = [Row(done, "train", t, "loss", v) for t, v in zip(problem.tasks, mean.tolist(), strict=True)]
            total, since = torch.zeros_like(total), 0
            for split in evaluate_on if along or done == updates else ():
                values = evaluate(problem, network, split, recipe.device, ranks)
                _check_finite(problem, split, values, f"after update {done}")
                rows += [Row(done, split, task, name, v) for task, by in values.items() for name, v in by.items()]
            if agreement is not None:
                rows += [Row(done, note.split, "all", note.metric, note.value) for note in agreement.after(done)]
            if schedule.needs_score:
                found = values_of(rows, "val") or evaluate(problem, network, "val", recipe.device, ranks)
                schedule.after_evaluation(problem.score(found))
            history += rows
            on_rows(rows)
        keep(partial(running.state, done, history, (total, since)))
    return Fit(history, network, agreement.layers if agreement is not None else [])


def fresh(problem: Problem, *, separate: bool) -> nn.Module:
    """A network before its first step, one for each task where `separate`; draws from torch's global generator."""
    network = problem.network()
    return SeparateNetworks(cast("MultiTaskNetwork", network)) if separate else network


def train_step(
    problem: Problem,
    network: nn.Module,
    update: MultiTaskUpdate,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    clip: float | None,
) -> Tensor:
    """One update of all weights on one batch, with the trunk's gradient clipped; returns the tasks' losses, [K]."""
    optimizer.zero_grad()

    def closure(tasks: Sequence[int]) -> list[Tensor]:
        return problem.losses(network, batch, tasks)

    losses = update.backward(closure)
    if clip is not None:
        nn.utils.clip_grad_norm_(cast("nn.Module", network.trunk).parameters(), clip)
    optimizer.step()
    update.after_step(closure)
    return losses


def _check_finite(problem: Problem, split: str, values: Values, where: str) -> None:
    """The last update before an evaluation has no loss after it but these."""
    losses = {i: values[task]["loss"] for i, task in enumerate(problem.tasks)}
    if bad := {i: loss for i, loss in losses.items() if not math.isfinite(loss)}:
        raise DivergedError(f"on the split {split} {_named(problem, bad)} ({where}): lower lr or rho")


def _named(problem: Problem, losses: Mapping[int, float] | Mapping[int | str, float]) -> str:
    return "; ".join(f"the loss of {problem.tasks[int(i)]} is {loss}" for i, loss in losses.items())
