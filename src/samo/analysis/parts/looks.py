"""A look at a batch: the exact gradients of its tasks, and how near estimates come to them; along a training, too."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from samo.analysis.parts.spsa_theory import mean_cosine, mean_cosine_by_layer
from samo.optim.closures import Closure, TaskLosses
from samo.optim.estimators import ESTIMATORS, AtTheta
from samo.optim.history import History
from samo.optim.jacobian import as_rows, task_gradients
from samo.optim.perturbation import Vector, Weights, layer_norms, mixed, perturbation
from samo.optim.sharpness import Sharpness
from samo.training.problem import Batch, Problem


class Looked:
    """A batch at the weights as they are: the exact gradients of some tasks, and estimates of them.

    Args:
        closure: tasks -> losses on the batch.
        trunk: its parameters.
        modules: whose mode and buffers a pass may touch.
        tasks: K.
        most: so many tasks at most, spread evenly, since a gradient of each is held; None for all.

    Attributes:
        rows: the exact gradient of each task looked at, on the trunk's tensors.
        everyone: that of the mean loss.
    """

    def __init__(
        self,
        closure: Closure,
        trunk: Sequence[Tensor],
        modules: Sequence[nn.Module],
        tasks: int,
        most: int | None = None,
    ) -> None:
        asked = np.unique(np.linspace(0, tasks - 1, min(tasks, most or tasks)).round().astype(int)).tolist()
        whole = TaskLosses(closure, range(tasks), modules, trunk[0].device)
        self._some, self._theta = TaskLosses(closure, asked, modules, trunk[0].device), Weights(trunk)

        def exact(_: Sequence[int]) -> list[Tensor]:
            losses = whole.again(range(tasks))
            return [*(losses[i] for i in asked), torch.stack(losses).mean()]

        with self._some.without_trace():
            J = task_gradients(exact, trunk, range(len(asked) + 1))
        *self.rows, self.everyone = [as_rows(row, trunk) for row in J]

    def at(
        self,
        name: str,
        sharpness: Sharpness,
        generator: torch.Generator,
        count: int | None = None,
        known: Sequence[Vector] = (),
    ) -> Iterator[dict[str, Any]]:
        """Readings of one draw of an estimator on the first `count` tensors (all); `known` of the tasks' gradients."""
        count = len(self.everyone) if count is None else count
        g0, tasks = self.everyone[:count], range(len(self.rows))
        none = self._theta.home[0].new_zeros(len(tasks))
        at = AtTheta(self._some, self._theta, range(count), generator, none, known, self.everyone)
        with self._some.without_trace():
            for group, z, slope, _ in ESTIMATORS[sharpness.estimator](sharpness, tasks, at):
                estimate = perturbation(sharpness, g0, range(count), z, slope, g0)
                for i in group:
                    yield from _compared(name, sharpness, estimate, self.rows[i][:count], g0)


class Place(NamedTuple):
    """An update of a training, before it is made.

    Attributes:
        update: how many were made before.
        looked: its batch, at the weights as they are.
        generator: of random directions.
        last: each task's own gradient at the place before, on its batch and at its weights; empty at the first.
        mean: the running mean of these, which starts with the first of them, as `samo-remembered` keeps it.
    """

    update: int
    looked: Looked
    generator: torch.Generator
    last: Sequence[Vector]
    mean: Sequence[Vector]


def plain_training(
    problem: Problem,
    network: nn.Module,
    batches: Iterable[Batch],
    *,
    lr: float,
    decay: float,
    seed: int,
    wanted: Callable[[int], bool] = lambda update: True,
    most: int | None = None,
) -> Iterator[Place]:
    """Train by Adam on the mean loss, in training mode, and stop at every wanted update for a look.

    Args:
        problem: what the losses are.
        network: with the attribute `trunk`; it is trained.
        batches: one per update.
        lr: learning rate.
        decay: of the running mean.
        seed: of dropout's masks and of the random directions.
        wanted: updates before which gradients are taken and remembered.
        most: tasks of which gradients are taken, see `Looked`.
    """
    trunk, generator = set_out(network, seed)
    optimizer, modules = torch.optim.Adam(network.parameters(), lr=lr), list(network.modules())
    like, history, tasks = {str(n): p for n, p in enumerate(trunk)}, History(), range(len(problem.tasks))
    last: Sequence[Vector] = ()
    mean: Sequence[Vector] = ()
    for update, batch in enumerate(batches):
        losses = losses_on(problem, network, batch)
        if wanted(update):
            looked = Looked(losses, trunk, modules, len(tasks), most)
            yield Place(update, looked, generator, last, mean)
            last, kinds = looked.rows, [f"gradient {n}" for n in range(len(looked.rows))]
            for kind, row in zip(kinds, last, strict=True):
                history.take_in(kind, like, row, decay if history.has(kind) else 0.0)
            mean = [history.get(kind, like) for kind in kinds]
        optimizer.zero_grad()
        torch.autograd.backward(torch.stack(losses(tasks)).mean())
        optimizer.step()


def set_out(network: nn.Module, seed: int) -> tuple[list[Tensor], torch.Generator]:
    """Training mode and seeds; the trunk's parameters and the directions' generator."""
    network.train()
    torch.manual_seed(seed)
    trunk = [p for p in network.get_submodule("trunk").parameters() if p.requires_grad]
    return list(trunk), torch.Generator(trunk[0].device).manual_seed(seed)


def losses_on(problem: Problem, network: nn.Module, batch: Batch) -> Callable[[Sequence[int]], list[Tensor]]:
    """tasks -> losses on a batch."""
    return lambda tasks: [loss.reshape(()) for loss in problem.losses(network, batch, tasks)]


def batches(problem: Problem, examples: int, device: torch.device, seed: int) -> Iterator[Batch]:
    """Training batches without end, as training draws them."""
    order, split = torch.Generator().manual_seed(seed), problem.splits["train"]
    while True:
        yield from split.batches(min(examples, len(split)), device, order)


def _compared(name: str, sharpness: Sharpness, estimate: Vector, g: Vector, g0: Vector) -> Iterator[dict[str, Any]]:
    sizes = [part.numel() for part in g]
    q = sharpness.directions
    one = g[0].new_ones(())
    scaled = mixed(g0, estimate, one, 0.0, "layer")
    with_global = mixed(g0, estimate, one, 0.5, "layer")
    by_layer = mean_cosine_by_layer(q, sizes, layer_norms(g).tolist(), layer_norms(g0).tolist())
    for layered, v, theory in ((False, estimate, float(mean_cosine(q, sum(sizes)))), (True, scaled, by_layer)):
        yield {
            "estimator": name,
            "statistics": sharpness.probe_statistics,
            "layer_normalised": layered,
            "directions": q,
            "params": sum(sizes),
            "cosine": cosine(v, g),
            "perturbation": cosine(with_global, g) if layered else np.nan,
            "theory": theory if name == "spsa" else 0.0,
        }


def cosine(v: Vector, g: Vector) -> float:
    """Of two vectors over the trunk; 0 where one is 0."""
    inner = sum(float((a * b).sum()) for a, b in zip(v, g, strict=True))
    size = float(layer_norms(v).norm() * layer_norms(g).norm())
    return inner / size if size > 0 else 0.0
