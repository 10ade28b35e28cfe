"""What makes a task, and the problem of several: losses, meters and scores are a task's own, the rest is alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from samo.training.problem import Batch, Metric, Problem, Split, Values

SPLITS = ("train", "val", "test")
BINS = 15
"""Of the confidence, in the calibration error."""


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        name: as reports call it.
        metrics: name, whether higher is better, unit; False as a fourth where it is no part of Delta-m.
        loss: (output, target) -> mean over a batch.
        count: (output, target) -> what is added up over the batches of a split.
        summary: these sums, in double precision -> metric -> value.
        score: metric -> value -> what validation goes by, higher is better.
    """

    name: str
    metrics: tuple[tuple[Any, ...], ...]
    loss: Callable[[Tensor, Any], Tensor]
    count: Callable[[Tensor, Any], Tensor]
    summary: Callable[[Tensor], dict[str, float]]
    score: Callable[[dict[str, float]], float]


def classification(name: str) -> Task:
    """One class of several an example: cross-entropy, and the share of right classes in per cent.

    Beside them the expected calibration error in per cent: how far the share of right classes lies from the confidence,
    averaged over examples by their bin of confidence (Guo et al. 2017, `BINS` bins).
    """

    def count(output: Tensor, target: Tensor) -> Tensor:
        confidence, guess = output.softmax(1).max(1)
        rows = torch.stack([torch.ones_like(confidence), (guess == target).to(confidence), confidence])
        place = (confidence * BINS).long().clamp(max=BINS - 1)
        return torch.zeros(3, BINS, device=rows.device).index_add(1, place, rows)

    def summary(sums: Tensor) -> dict[str, float]:
        seen, right, confidence = sums
        apart = (right - confidence).abs().sum()
        return {"accuracy": 100 * float(right.sum() / seen.sum()), "calibration": 100 * float(apart / seen.sum())}

    metrics = (("accuracy", True, "%"), ("calibration", False, "%", False))
    return Task(name, metrics, cross_entropy, count, summary, lambda values: values["accuracy"])


class _Meter:
    """The sums of all tasks; see `samo.training.problem.Meter`."""

    def __init__(self, tasks: Sequence[Task], target: Callable[[int, Batch], Any]) -> None:
        self.tasks, self.target, self.sums = tasks, target, [torch.zeros(1).double() for _ in tasks]

    def update(self, outputs: Mapping[int, Tensor], batch: Batch) -> None:
        for k, output in outputs.items():
            # Single precision is enough for a batch, not for a split; some accelerators have nothing else.
            self.sums[k] = self.sums[k] + self.tasks[k].count(output, self.target(k, batch)).cpu().double()

    def compute(self) -> Values:
        return {task.name: task.summary(sums) for task, sums in zip(self.tasks, self.sums, strict=True)}


def _forward(network: nn.Module, batch: Batch, tasks: Sequence[int]) -> Sequence[Tensor]:
    outputs: Sequence[Tensor] = network(batch[0], tasks)
    return outputs


def problem(
    tasks: Sequence[Task],
    network: Callable[[], nn.Module],
    splits: Mapping[str, Split],
    target: Callable[[int, Batch], Any] = lambda task, batch: batch[1][:, task],
    forward: Callable[[nn.Module, Batch, Sequence[int]], Sequence[Tensor]] = _forward,
    **more: Any,
) -> Problem:
    """The problem of these tasks; its score is the mean of theirs.

    `target` gives for the number of a task and a batch what its loss and meter compare with; by default a batch is
    (input, targets [N, K]). All else is as in `Problem`.
    """
    return Problem(
        tasks=tuple(task.name for task in tasks),
        metrics=tuple(Metric(task.name, *metric) for task in tasks for metric in task.metrics),
        network=network,
        forward=forward,
        loss=lambda k, output, batch: tasks[k].loss(output, target(k, batch)),
        meter=partial(_Meter, tasks, target),
        splits=splits,
        score=lambda values: sum(task.score(values[task.name]) for task in tasks) / len(tasks),
        **more,
    )
