"""One training: epochs, evaluation, history. Knows neither files nor DVC nor MLflow."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
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
from samo.training.settings import Training
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
        separate: one network a task instead of a shared trunk (STL).
        lr: learning rate at the start (under "onecycle", its peak).
        epochs: passes over the training split, those of `training` or fewer.
        training: batch, optimiser, schedule, weight decay, clipping.
        seed: of weights, order of examples and random directions, each in a stream of its own.
        device: where to train.
        group: the processes that train together, each on its share of every batch; None for this one alone. All must
            make the same calls. Each has the same history and weights; its dropout masks are its own.
        sync_batchnorm: whether BatchNorm normalises by the batches of all of them; see `MultiTaskUpdate`.
    """

    aggregator: str
    sharpness: Sharpness
    lr: float
    epochs: int
    training: Training
    seed: int
    options: Mapping[str, Any] = field(default_factory=dict)
    separate: bool = False
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    group: Group | None = None
    sync_batchnorm: bool = True


class Row(NamedTuple):
    """One number of a training's history; `task` is "all" for what belongs to no single task."""

    epoch: int
    split: str
    task: str
    metric: str
    value: float


class Progress(NamedTuple):
    """Where a training stands: `done` is the share of its steps, `loss` the mean over tasks of the last step."""

    epoch: int
    epochs: int
    done: float
    loss: float


@dataclass(frozen=True)
class Fit:
    """What a training gives: its history, the network after the last epoch, and how tasks agreed on each layer."""

    history: list[Row]
    network: nn.Module
    layers: list[LayerCosine]


def fit(
    problem: Problem,
    recipe: Recipe,
    evaluate_on: Sequence[str],
    every_epoch: bool = True,
    on_progress: Callable[[Progress], None] = lambda _: None,
    on_epoch: Callable[[list[Row]], None] = lambda _: None,
    resume: State | None = None,
    keep: Callable[[Callable[[], State]], None] = lambda _: None,
) -> Fit:
    """Train a fresh network, or go on with one: from the state of an epoch's end all comes out bit for bit the same.

    Args:
        problem: what to train on; only the split "train" moves weights.
        recipe: how.
        evaluate_on: the splits whose loss and metrics go into the history. Nothing in here goes by them.
        every_epoch: evaluate after each epoch, not after the last one only, and watch how the tasks' gradients agree.
        on_progress: called about fifty times.
        on_epoch: called with each epoch's rows; first with those of all epochs before where a training goes on.
        resume: what `keep` was given of this very training.
        keep: called after each epoch with what makes the training's state; whether it is wanted is the callee's.

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
    ranks = Ranks(recipe.group)
    training = recipe.training
    learned = [*network.parameters(), *update.parameters()]
    optimizer = make_optimizer(learned, recipe.lr, training)
    steps = len(problem.splits["train"]) // training.batch
    schedule = Schedule(optimizer, training, recipe.epochs, steps)
    agreement: Agreement | None = None
    if every_epoch and not recipe.separate and len(problem.tasks) > 1:
        agreement = Agreement(problem, network, update.network, recipe.device, steps, training.conflict_batches, ranks)
    running, behind = Running(network, optimizer, schedule, update, order, agreement, recipe.device), 0
    history: list[Row] = []
    if resume is not None:
        behind, kept = running.load(resume)
        history = [Row(*row) for row in kept]
        on_epoch(list(history))
    elif agreement is not None:
        agreement.before_training()
    report_every = max(1, recipe.epochs * steps // 50)
    for epoch in range(behind + 1, recipe.epochs + 1):
        network.train()
        if ranks.number:
            # Dropout masks unlike the first rank's. By the epoch, as a checkpoint keeps the first one's stream alone.
            random_state.seed_all(recipe.seed, epoch, ranks.number)
        total = torch.zeros(len(problem.tasks), device=recipe.device)
        batches = problem.splits["train"].batches(training.batch, recipe.device, order, recipe.group)
        for step, batch in enumerate(batches, 1):
            if agreement is not None:
                agreement.batches.look(step, partial(problem.losses, network, batch))
            try:
                losses = train_step(problem, network, update, optimizer, batch, training.clip)
            except FloatingPointError as error:
                said = _named(problem, error.losses) if isinstance(error, LossError) else str(error)
                raise DivergedError(f"{said} (epoch {epoch}, step {step}): lower lr or rho") from error
            schedule.after_step()
            total += losses
            if (done := (epoch - 1) * steps + step) % report_every == 0:
                share = done / (recipe.epochs * steps)
                on_progress(Progress(epoch, recipe.epochs, share, float(losses.mean())))
        mean = total / steps
        rows = [Row(epoch, "train", t, "loss", v) for t, v in zip(problem.tasks, mean.tolist(), strict=True)]
        if every_epoch or epoch == recipe.epochs:
            for split in evaluate_on:
                values = evaluate(problem, network, split, recipe.device, ranks)
                _check_finite(problem, split, values, f"after epoch {epoch}, step {steps}")
                rows += _rows(epoch, split, values)
        if agreement is not None:
            rows += [Row(epoch, note.split, "all", note.metric, note.value) for note in agreement.after_epoch(epoch)]
        score = _score(problem, network, rows, recipe.device, ranks) if schedule.needs_score else math.nan
        schedule.after_epoch(score)
        history += rows
        on_epoch(rows)
        keep(partial(running.state, epoch, history))
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
    """The last step of an epoch has no loss after it but these."""
    losses = {i: values[task]["loss"] for i, task in enumerate(problem.tasks)}
    if bad := {i: loss for i, loss in losses.items() if not math.isfinite(loss)}:
        raise DivergedError(f"on the split {split} {_named(problem, bad)} ({where}): lower lr or rho")


def _named(problem: Problem, losses: Mapping[int, float] | Mapping[int | str, float]) -> str:
    return "; ".join(f"the loss of {problem.tasks[int(i)]} is {loss}" for i, loss in losses.items())


def _score(problem: Problem, network: nn.Module, rows: list[Row], device: torch.device, ranks: Ranks) -> float:
    """The validation score, from the epoch's rows where they have it."""
    found = values_of(rows, "val")
    return problem.score(found or evaluate(problem, network, "val", device, ranks))


def _rows(epoch: int, split: str, values: Values) -> list[Row]:
    return [Row(epoch, split, task, name, v) for task, by_name in values.items() for name, v in by_name.items()]
