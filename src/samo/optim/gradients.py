"""Gathers the gradients of a step into `.grad`: weighted sums where the weights are known, else the rows of J."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torchjd.scalarization import Scalarizer

from samo.aggregation import loss_weights
from samo.optim.closures import TaskLosses
from samo.optim.decompose import Aggregated, Decomposition
from samo.optim.jacobian import as_rows, fill_row, gradient, new_jacobian, refuse_sparse
from samo.optim.parameters import Trainable
from samo.optim.perturbation import Vector, all_finite
from samo.optim.random_state import draw_seeds, seeded


@contextmanager
def fresh_grads(params: Sequence[Tensor]) -> Iterator[None]:
    """Inside, `.grad` is empty; afterwards what was found is added, or after an error alone is put back.

    Hooks that wait for an accumulated gradient see it once, at the end.
    """
    found, hooks = [p.grad for p in params], [_accumulation_hooks(p) for p in params]
    kept = [dict(own) for own in hooks]
    for p, own in zip(params, hooks, strict=True):
        p.grad = None
        own.clear()
    try:
        yield
    except BaseException:
        for p, grad in zip(params, found, strict=True):
            p.grad = grad
        raise
    finally:
        for own, before in zip(hooks, kept, strict=True):
            own.update(before)
    for p, grad in zip(params, found, strict=True):
        if grad is not None:
            p.grad = grad if p.grad is None else grad.add_(p.grad)
    for p, own in zip(params, kept, strict=True):
        for hook in own.values() if p.grad is not None else ():
            hook(p)


def _accumulation_hooks(p: Tensor) -> dict[int, Any]:
    found: dict[int, Any] | None = p._post_accumulate_grad_hooks
    return {} if found is None else found


def fill_grad(p: Tensor, grad: Tensor) -> None:
    """Set `p.grad`, in the dtype and the memory format of p: fused optimisers read both as they lie in memory."""
    as_it_is = grad.dtype == p.dtype and grad.stride() == p.stride()
    p.grad = grad if as_it_is else torch.empty_like(p, requires_grad=False).copy_(grad)


class WeightedSum:
    """sum_i w_i grad l_i, each at its own weights: one backward pass per group of tasks, accumulated where it lands.

    Args:
        net: whose `.grad` is filled.
        losses: of the step.
        weights: w [K], known before any gradient is.
    """

    def __init__(self, net: Trainable, losses: TaskLosses, weights: Tensor) -> None:
        self.net = net
        self.losses = losses
        self.weights = weights

    def add(self, losses: Sequence[Tensor], group: Sequence[int]) -> bool:
        """Take the losses of some tasks where their weights are now; returns whether all is finite so far."""
        net = self.net
        used = [(loss, self.weights[i].to(loss)) for loss, i in zip(losses, group, strict=True) if loss.requires_grad]
        if used:
            inputs = [*net.shared, *(p for i in group for p in net.heads[i].values())]
            torch.autograd.backward([loss for loss, _ in used], [w for _, w in used], inputs=inputs)
            refuse_sparse(p.grad for p in inputs)
        own = [p.grad for i in group for p in net.heads[i].values()]
        finite = all_finite([p.grad for p in net.shared], own)
        if any(self.losses.ranks.anywhere([not finite], net.device)):
            self.finish()  # that it is not finite is then seen on every rank
            return False
        return True

    def finish(self) -> dict[str, Tensor | None]:
        """Average what landed over ranks: the weights are the same on all of them, so once is enough.

        Returns:
            What a record says of it.
        """
        ranks, params = self.losses.ranks, [*self.net.shared, *self.net.own]
        if ranks.group is not None:
            used = ranks.anywhere([p.grad is not None for p in params], self.weights.device)
            for p, wanted in zip(params, used, strict=True):
                if wanted and p.grad is None:
                    p.grad = torch.zeros_like(p)
            ranks.average_([p.grad for p in params if p.grad is not None])
        return {"cosines": None, "weights": self.weights}


class Jacobian:
    """J [K, P] over all ranks, filled task by task; `used` tells which parameters any task depends on here."""

    def __init__(self, net: Trainable, losses: TaskLosses) -> None:
        self.net = net
        self.losses = losses
        self.J = new_jacobian(len(net.heads), net.shared)
        self.used = [False] * len(net.shared)
        self.used_by_heads = [[False] * len(head) for head in net.heads]

    def rows(self) -> list[Vector]:
        """The tasks' gradients, as views shaped like the parameters."""
        return [as_rows(row, self.net.shared) for row in self.J]

    def fill(self, losses: Sequence[Tensor]) -> Vector:
        """Write the rows of all tasks, one backward pass each; returns the gradients of their heads, in one list."""
        K = len(losses)
        own = [g for i, loss in enumerate(losses) for g in self.task(loss, i, self.J[i], keep_graph=i + 1 < K)]
        return [torch.zeros_like(p) if g is None else g for g, p in zip(own, self.net.own, strict=True)]

    def task(self, loss: Tensor, i: int, row: Tensor, *, keep_graph: bool) -> list[Tensor | None]:
        """Write task i's gradient into `row`; returns that of its head.

        Of several ranks, one that does not use a parameter gives zeros for it, never None.
        """
        shared, head, ranks = self.net.shared, list(self.net.heads[i].values()), self.losses.ranks
        grads = gradient(loss, [*shared, *head], keep_graph=keep_graph)
        fill_row(row, shared, grads[: len(shared)])
        self.used = [was or g is not None for was, g in zip(self.used, grads, strict=False)]
        own: list[Tensor | None] = [None if g is None else g.clone() for g in grads[len(shared) :]]
        self.used_by_heads[i] = [was or g is not None for was, g in zip(self.used_by_heads[i], own, strict=True)]
        if ranks.group is not None:
            own = [torch.zeros_like(p) if g is None else g for p, g in zip(head, own, strict=True)]
            ranks.average_([row, *(g for g in own if g is not None)])
        if self.losses.scale != 1:
            torch._foreach_div_([row, *(g for g in own if g is not None)], self.losses.scale)
        return own


class Rows(Jacobian):
    """Collects J [K, P] for an aggregator; every head gets its own loss's gradient."""

    def __init__(self, net: Trainable, losses: TaskLosses, method: Decomposition, generator: torch.Generator) -> None:
        super().__init__(net, losses)
        self.method = method
        self.generator = generator
        self._merging = False
        self._of_losses: Aggregated | None = None

    def decompose(self) -> None:
        """From here on `add` merges perturbed gradients into the loss gradients that `fill` left in J."""
        self._merging = self.method.kind != "direct"
        self._of_losses = self.method.start(self.J, self.generator)

    def add(self, losses: Sequence[Tensor], group: Sequence[int]) -> bool:
        """Take the losses of some tasks where their weights are now; returns whether their gradients are finite.

        One that is not is left in `.grad`, in the place of a direction.
        """
        for n, i in enumerate(group):
            row = torch.empty_like(self.J[i]) if self._merging else self.J[i]
            own = self.task(losses[n], i, row, keep_graph=n + 1 < len(group))
            for p, grad in zip(self.net.heads[i].values(), own, strict=True):
                if grad is not None:
                    fill_grad(p, grad if self.losses.scale == 1 else grad * self.losses.scale)
            if not all_finite([row], own):
                self._fill_trunk(row)
                return False
            if self._merging:
                self.method.merge_(self.J[i], row, self.net.tasks[i], self.generator)
        return True

    def finish(self) -> dict[str, Tensor | None]:
        """Aggregate, into the trunk's `.grad`; returns what a record says of it."""
        found = self.method.finish(self.J, self._of_losses, self.generator)
        self._fill_trunk(found.direction)
        return {"cosines": found.cosines, "weights": found.weights}

    def _fill_trunk(self, direction: Tensor) -> None:
        used_by_heads = [used for own in self.used_by_heads for used in own]
        used = self.losses.ranks.anywhere([*self.used, *used_by_heads], self.J.device)
        parts = as_rows(direction if self.losses.scale == 1 else direction * self.losses.scale, self.net.shared)
        for p, part, wanted in zip(self.net.shared, parts, used, strict=False):
            if wanted:
                fill_grad(p, part)
        for p, wanted in zip(self.net.own, used[len(parts) :], strict=True):
            if not wanted:
                p.grad = None


def weighted(
    scalariser: Scalarizer, net: Trainable, losses: TaskLosses, values: Tensor, generator: torch.Generator
) -> WeightedSum:
    """The sum whose weights are the scalarised loss's derivatives in the losses, [K]."""
    with seeded(draw_seeds(1, generator)[0], values.device):
        return WeightedSum(net, losses, loss_weights(scalariser, values, net.tasks))
