"""Gathers the gradients of a step into `.grad`: weighted sums where weights are known, else the rows of J."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor

from samo.aggregation import Combine, Decomposition
from samo.optim.jacobian import as_rows, fill_row, gradient, new_jacobian
from samo.optim.perturbation import Vector
from samo.optim.process_group import ALONE, Ranks

Gradient = list[Tensor | None]


class Collector(Protocol):
    """Takes the losses of some tasks at their point, once for every task; `finish` leaves the step's gradient."""

    def add(self, losses: Sequence[Tensor], tasks: Sequence[int]) -> None: ...

    def finish(self) -> None: ...


@contextmanager
def set_aside(params: Sequence[Tensor]) -> Iterator[None]:
    """Inside, `.grad` is empty; afterwards what was found is added, or after an error alone is put back."""
    found = [p.grad for p in params]
    for p in params:
        p.grad = None
    try:
        yield
    except BaseException:
        for p, grad in zip(params, found, strict=True):
            p.grad = grad
        raise
    for p, grad in zip(params, found, strict=True):
        if grad is not None:
            p.grad = grad if p.grad is None else grad.add_(p.grad)


def mean_gradient(losses: Sequence[Tensor], params: Sequence[Tensor]) -> Vector:
    """The gradient of the mean loss, zeros where no loss depends on a parameter."""
    used = [loss for loss in losses if loss.requires_grad]
    if not used:
        raise ValueError("no loss depends on the weights")
    share = [torch.full_like(loss, 1 / len(losses)) for loss in used]
    return list(torch.autograd.grad(used, params, share, allow_unused=True, materialize_grads=True))


class WeightedSum:
    """sum_i w_i grad l_i, each at its own point: one backward pass a group of tasks, accumulated where it lands."""

    def __init__(
        self, trunk: Sequence[Tensor], heads: Sequence[Sequence[Tensor]], weights: Tensor, ranks: Ranks = ALONE
    ) -> None:
        self.trunk = trunk
        self.heads = heads
        self.weights = weights
        self.ranks = ranks

    def add(self, losses: Sequence[Tensor], tasks: Sequence[int]) -> None:
        used = [(loss, self.weights[i].to(loss)) for loss, i in zip(losses, tasks, strict=True) if loss.requires_grad]
        if used:
            inputs = [*self.trunk, *(p for i in tasks for p in self.heads[i])]
            torch.autograd.backward([loss for loss, _ in used], [w for _, w in used], inputs=inputs)

    def finish(self) -> None:
        """Average what landed over ranks: the weights are the same on all of them, so once is enough."""
        if self.ranks.group is None:
            return
        params = [*self.trunk, *(p for head in self.heads for p in head)]
        used = self.ranks.anywhere([p.grad is not None for p in params], self.weights.device)
        for p, wanted in zip(params, used, strict=True):
            if wanted and p.grad is None:
                p.grad = torch.zeros_like(p)
        self.ranks.average_([p.grad for p in params if p.grad is not None])


class Jacobian:
    """J [K, P] over all ranks, filled task by task; `used` tells which trunk tensors any task depends on here."""

    def __init__(self, trunk: Sequence[Tensor], heads: Sequence[Sequence[Tensor]], ranks: Ranks = ALONE) -> None:
        self.trunk = trunk
        self.heads = heads
        self.ranks = ranks
        self.J = new_jacobian(len(heads), trunk)
        self.used = [False] * len(trunk)
        self.used_by_heads = [[False] * len(head) for head in heads]

    def row(self, i: int) -> Vector:
        """Task i's gradient, as views shaped like the parameters."""
        return as_rows(self.J[i], self.trunk)

    def fill(self, losses: Sequence[Tensor], tasks: Sequence[int]) -> list[Gradient]:
        """Write these tasks' rows, one backward pass each; returns the gradients of their heads.

        Of several ranks, one that does not use a parameter gives zeros for it, never None.
        """
        return [self._task(losses[n], i, self.J[i], n + 1 < len(tasks)) for n, i in enumerate(tasks)]

    def _task(self, loss: Tensor, i: int, row: Tensor, keep_graph: bool) -> Gradient:
        grads = gradient(loss, [*self.trunk, *self.heads[i]], keep_graph=keep_graph)
        shared, own = grads[: len(self.trunk)], grads[len(self.trunk) :]
        fill_row(row, self.trunk, shared)
        self.used = [was or grad is not None for was, grad in zip(self.used, shared, strict=True)]
        self.used_by_heads[i] = [was or g is not None for was, g in zip(self.used_by_heads[i], own, strict=True)]
        if self.ranks.group is None:
            return [None if g is None else g.clone() for g in own]  # autograd may hand out one tensor twice
        whole = [torch.zeros_like(p) if g is None else g.clone() for p, g in zip(self.heads[i], own, strict=True)]
        self.ranks.average_([row, *whole])
        return list(whole)


class Rows(Jacobian):
    """Collects J [K, P] for an aggregator; every head gets its own loss's gradient.

    Args:
        decomposition: what is aggregated, and by which aggregators.
        combine: runs one aggregator on one matrix.
        ranks: those over which every gradient is averaged before anything is made of it.
    """

    def __init__(
        self,
        trunk: Sequence[Tensor],
        heads: Sequence[Sequence[Tensor]],
        decomposition: Decomposition,
        combine: Combine,
        ranks: Ranks = ALONE,
    ) -> None:
        super().__init__(trunk, heads, ranks)
        self.decomposition = decomposition
        self.combine = combine
        self._merging = False
        self._loss_direction: Tensor | None = None

    def decompose(self) -> None:
        """From here on `add` merges perturbed gradients into the loss gradients that `fill` left in J."""
        self._merging = self.decomposition.kind != "direct"
        self._loss_direction = self.decomposition.start(self.J, self.combine)

    def add(self, losses: Sequence[Tensor], tasks: Sequence[int]) -> None:
        for n, i in enumerate(tasks):
            row = torch.empty_like(self.J[i]) if self._merging else self.J[i]
            grads = self._task(losses[n], i, row, n + 1 < len(tasks))
            if self._merging:
                self.decomposition.merge(i, self.J[i], row, self.combine)
            for p, grad in zip(self.heads[i], grads, strict=True):
                p.grad = grad

    def finish(self) -> None:
        direction = as_rows(self.decomposition.finish(self.J, self._loss_direction, self.combine), self.trunk)
        own = [
            (p, used) for i, head in enumerate(self.heads) for p, used in zip(head, self.used_by_heads[i], strict=True)
        ]
        used = self.ranks.anywhere([*self.used, *(used for _, used in own)], self.J.device)
        for p, part, wanted in zip(self.trunk, direction, used, strict=False):
            if wanted:
                p.grad = part
        for (p, _), wanted in zip(own, used[len(self.trunk) :], strict=True):
            if not wanted:
                p.grad = None
