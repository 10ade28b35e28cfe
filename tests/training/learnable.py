"""A small problem that a network can learn, and a recipe to train it: for the tests of training."""

from typing import Any

import torch
from torch import nn

from samo.models.multitask import MultiTaskNetwork
from samo.optim.sharpness import preset
from samo.training.loop import Recipe
from samo.training.problem import Metric, Problem
from samo.training.settings import Training
from tests.problems import Rows

TASKS = ("one", "two")
PASS = 4
"""Updates that go once over 70 examples in batches of 16."""


def made_split(n: int, seed: int) -> Rows:
    """Regression on a made linear law, with noise enough that a network can overfit."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 4, generator=generator)
    law = torch.tensor([[1.0, -1, 0.5, 0], [0.5, 1, 0, -1]])
    return Rows(x, x @ law.T + 0.1 * torch.randn(n, 2, generator=generator))


class Squares:
    """Mean squared error a task."""

    def __init__(self) -> None:
        self.errors: list[torch.Tensor] = []

    def update(self, outputs, batch):
        self.errors.append(torch.stack([(o - batch[1][:, i]) ** 2 for i, o in outputs.items()]))

    def compute(self):
        mean = torch.cat(self.errors, 1).mean(1)
        return {task: {"mse": float(mean[i])} for i, task in enumerate(TASKS)}


def problem(dropout: float = 0.1) -> Problem:
    """Two tasks on a trunk with BatchNorm and dropout."""

    def network():
        trunk = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(dropout), nn.Tanh())
        return MultiTaskNetwork(trunk, [nn.Sequential(nn.Linear(8, 1), nn.Flatten(0)) for _ in TASKS])

    return Problem(
        tasks=TASKS,
        metrics=tuple(Metric(task, "mse", higher_is_better=False, unit="") for task in TASKS),
        network=network,
        forward=lambda network, batch, tasks: network(batch[0], tasks),
        loss=lambda task, output, batch: ((output - batch[1][:, task]) ** 2).mean(),
        meter=Squares,
        splits={"train": made_split(70, 0), "val": made_split(33, 1), "test": made_split(33, 2)},
        score=lambda values: -sum(values[task]["mse"] for task in TASKS),
    )


def recipe(**changes: Any) -> Recipe:
    fields = {name: changes.pop(name) for name in list(changes) if name in Training.model_fields}
    training = Training(**{"batch": 16, "evaluations": 3} | fields)
    plan: dict[str, Any] = {"aggregator": "ls", "sharpness": preset("none"), "lr": 0.02, "updates": 3 * PASS, "seed": 0}
    return Recipe(**plan | {"training": training} | changes)
