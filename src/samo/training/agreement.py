"""How well a training's task gradients agree, recorded without changing a weight, a statistic or a random stream."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from samo.optim.buffers import evaluation_mode
from samo.optim.closures import Closure, TaskLosses
from samo.optim.jacobian import by_block, magnitude_ratio, pairs, task_gradients
from samo.optim.parameters import TrunkAndHeads
from samo.optim.process_group import ALONE, Ranks
from samo.training.problem import Problem


class LayerCosine(NamedTuple):
    """The mean cosine over pairs of task gradients on one tensor of the trunk.

    `position` goes from 0, the trunk's first tensor, to 1, its last; `update` 0 is before training.
    """

    update: int
    layer: str
    position: float
    cosine: float


class Note(NamedTuple):
    """One number on all tasks, as the history holds it."""

    split: str
    metric: str
    value: float


class Agreement:
    """Watches one training: the probe set at each evaluation, and some mini-batches before their step.

    Args:
        problem, network, device: of the training.
        parts: of its update.
        evaluated: after which updates the training is evaluated, ascending.
        batches: mini-batches examined before each evaluation, evenly spread; 0 examines none.
        ranks: of the update. Each of them looks at the whole probe set.
    """

    def __init__(
        self,
        problem: Problem,
        network: nn.Module,
        parts: TrunkAndHeads,
        device: torch.device,
        evaluated: Sequence[int],
        batches: int,
        ranks: Ranks = ALONE,
    ) -> None:
        self.problem, self.network, self.parts, self.device = problem, network, parts, device
        self.batches = Batches(parts, evaluated, batches, ranks)
        self.layers: list[LayerCosine] = []

    def before_training(self) -> None:
        self._note_layers(0, probe(self.problem, self.network, self.device))

    def after(self, update: int) -> list[Note]:
        """The numbers at an evaluation; the layers' cosines are added to `layers`."""
        J = probe(self.problem, self.network, self.device)
        self._note_layers(update, J)
        cosines = pairs(J)
        share = self.batches.share()
        return [
            Note("probe", "cosine_mean", float(cosines.mean())),
            Note("probe", "cosine_min", float(cosines.min())),
            Note("probe", "conflict_share", float((cosines < 0).float().mean())),
            Note("probe", "magnitude_ratio", magnitude_ratio(J)),
            *([] if share is None else [Note("train", "minibatch_conflict", share)]),
        ]

    def _note_layers(self, update: int, J: Tensor) -> None:
        trunk = self.parts.trainable().trunk
        positions = {name: n for n, name in enumerate(self.parts.trunk)}
        found = by_block(J, [p.numel() for p in trunk.values()]).tolist()
        for name, cosine in zip(trunk, found, strict=True):
            if cosine == cosine:  # NaN where no pair of tasks uses it
                self.layers.append(LayerCosine(update, name, positions[name] / max(1, len(positions) - 1), cosine))


class Batches:
    """The share of training mini-batches in conflict, from an even sample of the steps (F-MTL, Figure 3).

    A mini-batch is looked at before its step, at the unperturbed weights: the losses are those of the first pass that
    a plain step would make, batch statistics and dropout mask included. So the share means the same for every method,
    whether its own step has these gradients (MGDA, F-MTL), has perturbed ones only (SAMO) or a weighted sum (LS).
    A look costs a forward pass, and a backward pass per task.

    Args:
        parts: trunk, heads and modules of the update.
        evaluated: after which updates the training is evaluated, ascending.
        count: looks before each of these; all steps where it is more.
        ranks: those that share the batch. Their gradients are averaged, as the step averages them, before any cosine
            is taken: the share is that of the whole batch, never a mean of the ranks' shares.
    """

    def __init__(self, parts: TrunkAndHeads, evaluated: Sequence[int], count: int, ranks: Ranks = ALONE) -> None:
        self.parts = parts
        self.ranks = ranks
        self.at: set[int] = set()
        for start, end in pairwise((0, *evaluated)):
            steps = end - start
            self.at |= {start + n for n in range(1, steps + 1) if n * count // steps > (n - 1) * count // steps}
        self.shares: list[float] = []

    def look(self, update: int, closure: Closure) -> None:
        """Look at this update's batch if its turn has come; `update` counts from 1."""
        if update not in self.at:
            return
        tasks = range(len(self.parts.tasks))
        losses = TaskLosses(closure, tasks, self.parts.modules, self.parts.device)
        with losses.without_trace():
            J = task_gradients(losses.again, self.parts.trunk.values(), tasks)
        self.ranks.average_([J])
        self.shares.append(float((pairs(J) < 0).float().mean()))

    def share(self) -> float | None:
        """The mean since the last call over mini-batches and pairs of tasks; None where none was examined.

        A pair is in conflict where its inner product is below zero.
        """
        shares, self.shares = self.shares, []
        return sum(shares) / len(shares) if shares else None


def probe(problem: Problem, network: nn.Module, device: torch.device) -> Tensor:
    """The task gradients over the trunk on the first examples of the training split, in eval mode, J [K, P].

    The same examples at every call, so that methods and moments compare.
    """
    batch = next(iter(problem.splits["train"].batches(problem.probe, device)))

    def closure(tasks: Sequence[int]) -> list[Tensor]:
        return problem.losses(network, batch, tasks)

    with evaluation_mode(list(network.modules())):
        return task_gradients(closure, cast("nn.Module", network.trunk), range(len(problem.tasks)))
