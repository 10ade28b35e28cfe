"""A network's losses and metrics over a whole split, and which of them count."""

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

import torch
from torch import nn

from samo.optim.process_group import ALONE, Ranks
from samo.training.problem import Problem, Values
from samo.training.settings import Training

if TYPE_CHECKING:
    from samo.training.loop import Row

EVALUATION_BATCH = 500


def evaluate(problem: Problem, network: nn.Module, split: str, device: torch.device, ranks: Ranks = ALONE) -> Values:
    """Loss and metrics of every task over a whole split, in eval mode; the mode is put back.

    Each rank evaluates all of it, so that none waits, and all take the first rank's numbers: two GPUs may differ in the
    last digits, and choices made by these numbers must not.
    """
    training = network.training
    network.eval()
    tasks: Sequence[int] = range(len(problem.tasks))
    meter, total, seen = problem.meter(), [0.0] * len(problem.tasks), [0] * len(problem.tasks)
    with torch.no_grad():
        for batch in problem.splits[split].batches(EVALUATION_BATCH, device):
            held = tasks if problem.present is None else problem.present(batch)
            outputs = dict(zip(held, problem.forward(network, batch, held), strict=True))
            for i, output in outputs.items():
                seen[i] += len(output)
                total[i] += len(output) * float(problem.loss(i, output, batch))
            meter.update(outputs, batch)
    network.train(training)
    values = meter.compute()
    found = {task: {"loss": total[i] / max(1, seen[i]), **values[task]} for i, task in enumerate(problem.tasks)}
    return found if ranks.group is None else _of_first(found, device, ranks)


def values_of(history: "Sequence[Row]", split: str, update: int | None = None) -> Values:
    """Task -> metric -> value of a split, after an update or at the last evaluation that has it."""
    values: Values = {}
    for row in history:
        if row.split == split and update in (None, row.update):
            values.setdefault(row.task, {})[row.metric] = row.value
    return values


def reported(problem: Problem, history: "Sequence[Row]", training: Training) -> Values:
    """The test values of a training that count, by `training.reported`.

    Args:
        problem: gives the validation score.
        history: every evaluation's rows for "val" and "test".
        training: "last", "best" (the first of the best validation score) or "mean-of-last" evaluations.
    """
    at = sorted({row.update for row in history if row.split == "test"})
    if training.reported == "best":
        best = max(at, key=lambda update: (problem.score(values_of(history, "val", update)), -update))
        return values_of(history, "test", best)
    if training.reported == "mean-of-last":
        last = [values_of(history, "test", update) for update in at[-training.last_evaluations :]]
        return {task: {name: fmean(v[task][name] for v in last) for name in last[0][task]} for task in last[0]}
    return values_of(history, "test")


def _of_first(values: Values, device: torch.device, ranks: Ranks) -> Values:
    numbers = iter(ranks.of_first([value for by_name in values.values() for value in by_name.values()], device))
    return {task: {name: next(numbers) for name in by_name} for task, by_name in values.items()}
