"""Gathers the gradients of a step into `.grad`: weighted sums where the weights are known, else the rows of J."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torchjd.aggregation import Aggregator

from samo.aggregation import combine, fresh
from samo.optim.closures import TaskLosses
from samo.optim.jacobian import as_rows, cosines, fill_row, gradient, new_jacobian, refuse_sparse
from samo.optim.parameters import Trainable, fill_grad
from samo.optim.perturbation import Vector, all_finite, safe_ratio
from samo.optim.random_state import draw_seeds, seeded
from samo.optim.sharpness import Decompose, Sharpness


class Aggregated(NamedTuple):
    """A direction [P], with the cosines [K, K] of what was aggregated and the tasks' weights [K] where it has them."""

    direction: Tensor
    cosines: Tensor | None
    weights: Tensor | None


class Decomposition:
    """With M the aggregator, g_i the gradients at theta, s_i the perturbed ones and f_i = s_i - g_i:

    `direct` M(s); `separate` M(g) + M(f) (F-MTL, arXiv 2211.13723, algorithm 1); `second` M({M(g), M(f)}); `each`
    M({M({g_i, f_i})}) (section 4). Every M but the first is a copy with a memory of its own: an aggregator with a
    running state must not mix the states of loss and flat gradients.

    Args:
        aggregator: M, on K (`tasks`) rows.
        s: holds the kind, and whether each M(.) is scaled to the length of the mean of its rows.
        generator: the source of what aggregators draw.
    """

    def __init__(self, aggregator: Aggregator, s: Sharpness, tasks: int, generator: torch.Generator) -> None:
        self.kind: Decompose = s.decompose
        self.rescale = s.rescale
        self.generator = generator
        self.over_tasks = aggregator
        self.over_flat = [fresh(aggregator, tasks)] if self.kind in ("separate", "second") else []
        self.over_pairs = [fresh(aggregator, 2) for _ in range({"second": 1, "each": tasks}.get(self.kind, 0))]

    @property
    def aggregators(self) -> list[Aggregator]:
        return [self.over_tasks, *self.over_flat, *self.over_pairs]

    def aggregate(self, aggregator: Aggregator, J: Tensor) -> Aggregated:
        """The aggregator's direction for J [K, P].

        Raises:
            FloatingPointError: the aggregator's weights are not finite.
        """
        with seeded(draw_seeds(1, self.generator)[0], J.device):
            direction, gramian, weights = combine(aggregator, J)
        if self.rescale:
            direction = direction * safe_ratio(J.mean(0).norm(), direction.norm())
        return Aggregated(direction, None if gramian is None else cosines(gramian), weights)

    def start(self, J: Tensor) -> Aggregated | None:
        """M(g) where it is needed, before the rows of J are overwritten."""
        return self.aggregate(self.over_tasks, J) if self.over_flat else None

    def merge_(self, row: Tensor, perturbed: Tensor, task: int) -> None:
        """Turn a task's row from g_i into what the last aggregation takes, given s_i."""
        if self.kind == "each":
            row.copy_(self.aggregate(self.over_pairs[task], torch.stack([row, perturbed - row])).direction)
        else:
            torch.sub(perturbed, row, out=row)

    def finish(self, J: Tensor, loss: Aggregated | None) -> Aggregated:
        """The direction from the merged rows and what `start` gave; M(J) where nothing was decomposed."""
        if loss is None:
            return self.aggregate(self.over_tasks, J)
        flat = self.aggregate(self.over_flat[0], J).direction
        if self.kind == "separate":
            return loss._replace(direction=loss.direction + flat)
        both = torch.stack([loss.direction, flat])
        return loss._replace(direction=self.aggregate(self.over_pairs[0], both).direction)


@dataclass
class WeightedSum:
    """sum_i w_i grad l_i, each at its own weights: one backward pass per group of tasks, accumulated where it lands.

    The weights w [K] are known before any gradient is.
    """

    net: Trainable
    losses: TaskLosses
    weights: Tensor

    def add(self, losses: Sequence[Tensor], group: Sequence[int]) -> bool:
        """Take the losses of some tasks where their weights are now; returns whether all is finite so far."""
        own = [p for i in group for p in self.net.heads[i].values()]
        inputs = [*self.net.shared, *own]
        used = [(loss, self.weights[i].to(loss)) for loss, i in zip(losses, group, strict=True) if loss.requires_grad]
        if used:
            torch.autograd.backward([loss for loss, _ in used], [w for _, w in used], inputs=inputs)
            refuse_sparse(p.grad for p in inputs)
        finite = all_finite([p.grad for p in inputs])
        if any(self.losses.ranks.anywhere([not finite], self.weights.device)):
            self.finish()  # so that every rank sees that it is not finite
            return False
        return True

    def finish(self) -> tuple[Tensor | None, Tensor | None]:
        """Average what landed over ranks: the weights are the same on all of them, so once is enough.

        Returns:
            What a record says of it: cosines, of which there are none here, and weights.
        """
        ranks, params = self.losses.ranks, [*self.net.shared, *self.net.own]
        if ranks.group is not None:
            used = ranks.anywhere([p.grad is not None for p in params], self.weights.device)
            for p, wanted in zip(params, used, strict=True):
                if wanted and p.grad is None:
                    p.grad = torch.zeros_like(p)
            ranks.average_([p.grad for p in params if p.grad is not None])
        return None, self.weights


class Rows:
    """Collects J [K, P] over all ranks, task by task, to be turned into one direction.

    By an aggregator (a head then gets its own loss's gradient), or by a scalariser's weights w [K]: then w J.
    """

    def __init__(self, net: Trainable, losses: TaskLosses, combine: Decomposition | Tensor | None = None) -> None:
        self.net = net
        self.losses = losses
        self.combine = combine
        self.J = new_jacobian(len(net.heads), net.shared)
        self._used: set[int] = set()  # the ids of parameters that any task depends on here
        self._merging = False
        self._of_losses: Aggregated | None = None

    def views(self) -> list[Vector]:
        """The tasks' gradients, as views shaped like the parameters."""
        return [as_rows(row, self.net.shared) for row in self.J]

    def fill(self, losses: Sequence[Tensor]) -> Vector:
        """Write the rows of all tasks, one backward pass each; returns the gradients of their heads, in one list."""
        K = len(losses)
        own = [g for i, loss in enumerate(losses) for g in self._task(loss, i, self.J[i], keep_graph=i + 1 < K)]
        return [torch.zeros_like(p) if g is None else g for g, p in zip(own, self.net.own, strict=True)]

    def decompose(self, method: Decomposition) -> None:
        """From here on `add` merges perturbed gradients into the loss gradients that `fill` left in J."""
        self.combine = method
        self._merging = method.kind != "direct"
        self._of_losses = method.start(self.J)

    def add(self, losses: Sequence[Tensor], group: Sequence[int]) -> bool:
        """Take the losses of some tasks where their weights are now; returns whether their gradients are finite.

        A gradient that is not finite is left in `.grad`, in place of a direction.
        """
        for n, i in enumerate(group):
            row = torch.empty_like(self.J[i]) if self._merging else self.J[i]
            own = self._task(losses[n], i, row, keep_graph=n + 1 < len(group))
            if isinstance(self.combine, Tensor):
                own = [None if grad is None else grad * self.combine[i] for grad in own]
            for p, grad in zip(self.net.heads[i].values(), own, strict=True):
                if grad is not None:
                    fill_grad(p, grad if self.losses.scale == 1 else grad * self.losses.scale)
            if not all_finite([row], own):
                self._fill_trunk(row)
                return False
            if self._merging and isinstance(self.combine, Decomposition):
                self.combine.merge_(self.J[i], row, self.net.tasks[i])
        return True

    def finish(self) -> tuple[Tensor | None, Tensor | None]:
        """Aggregate, into the trunk's `.grad`; returns the rows' cosines and weights."""
        if isinstance(self.combine, Tensor):
            self._fill_trunk(self.combine.to(self.J) @ self.J)
            return None, self.combine
        assert self.combine is not None
        found = self.combine.finish(self.J, self._of_losses)
        self._fill_trunk(found.direction)
        return found.cosines, found.weights

    def _task(self, loss: Tensor, i: int, row: Tensor, *, keep_graph: bool) -> list[Tensor | None]:
        """Write task i's gradient into `row`; returns that of its head.

        With several ranks, one that does not use a parameter gives zeros for it, never None.
        """
        shared, head, ranks = self.net.shared, list(self.net.heads[i].values()), self.losses.ranks
        grads = gradient(loss, [*shared, *head], keep_graph=keep_graph)
        fill_row(row, shared, grads[: len(shared)])
        self._used |= {id(p) for p, g in zip([*shared, *head], grads, strict=True) if g is not None}
        own: list[Tensor | None] = [None if g is None else g.clone() for g in grads[len(shared) :]]
        if ranks.group is not None:
            own = [torch.zeros_like(p) if g is None else g for p, g in zip(head, own, strict=True)]
        found = [row, *(g for g in own if g is not None)]
        ranks.average_(found)
        if self.losses.scale != 1:
            torch._foreach_div_(found, self.losses.scale)
        return own

    def _fill_trunk(self, direction: Tensor) -> None:
        params = [*self.net.shared, *self.net.own]
        used = self.losses.ranks.anywhere([id(p) in self._used for p in params], self.J.device)
        parts = as_rows(direction if self.losses.scale == 1 else direction * self.losses.scale, self.net.shared)
        for p, part, wanted in zip(params, [*parts, *(p.grad for p in self.net.own)], used, strict=True):
            if not wanted:
                p.grad = None
            elif part is not None:
                fill_grad(p, part)
