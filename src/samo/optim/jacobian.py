"""Gradients of task losses with respect to the trunk, and how much they agree."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from samo.optim.closures import Closure, evaluate
from samo.optim.parameters import widest


def as_rows(row: Tensor, params: Sequence[Tensor]) -> list[Tensor]:
    """A flat vector [P] as views shaped like the parameters."""
    parts = torch.split(row, [p.numel() for p in params])
    return [part.view(p.shape) for part, p in zip(parts, params, strict=True)]


def fill_row(row: Tensor, params: Sequence[Tensor], grads: Sequence[Tensor | None]) -> None:
    """Write a task's gradient into its row of J, [P]; where the task does not use a parameter, zeros."""
    views = as_rows(row, params)
    used = [(view, grad) for view, grad in zip(views, grads, strict=True) if grad is not None]
    if used:
        torch._foreach_copy_([view for view, _ in used], [grad for _, grad in used])
    unused = [view for view, grad in zip(views, grads, strict=True) if grad is None]
    if unused:
        torch._foreach_zero_(unused)


def gradient(loss: Tensor, params: Sequence[Tensor], *, keep_graph: bool) -> tuple[Tensor | None, ...]:
    """d loss / d params, None where the loss does not depend on a parameter."""
    if not loss.requires_grad:
        return (None,) * len(params)
    grads = torch.autograd.grad(loss, params, retain_graph=keep_graph, allow_unused=True)
    refuse_sparse(grads)
    return grads


def mean_gradient(losses: Sequence[Tensor], params: Sequence[Tensor]) -> list[Tensor]:
    """The gradient of the mean loss, zeros where no loss depends on a parameter."""
    used = [loss for loss in losses if loss.requires_grad]
    if not used:
        return [torch.zeros_like(p) for p in params]
    share = [torch.full_like(loss, 1 / len(losses)) for loss in used]
    grads = torch.autograd.grad(used, params, share, allow_unused=True, materialize_grads=True)
    refuse_sparse(grads)
    return list(grads)


def refuse_sparse(grads: Iterable[Tensor | None]) -> None:
    """Raise a ValueError if one of these gradients is sparse."""
    if any(g is not None and g.layout != torch.strided for g in grads):
        raise ValueError("a gradient is sparse: the step needs dense ones (nn.Embedding(..., sparse=False))")


def new_jacobian(tasks: int, params: Sequence[Tensor]) -> Tensor:
    """Room for J [K, P] on the parameters' device, in their widest dtype of 32 bits or more; not filled."""
    size = sum(p.numel() for p in params)
    return torch.empty(tasks, size, dtype=widest(params), device=params[0].device)


def task_gradients(closure: Closure, trunk: nn.Module | Iterable[Tensor], tasks: Sequence[int]) -> Tensor:
    """The trunk gradients of these tasks at the present weights: one forward pass, one backward pass per task.

    Args:
        closure: tasks -> their losses. Runs as it is: modes, statistics and random state are the caller's.
        trunk: the shared module or its parameters; frozen ones are left out.
        tasks: indices, one row each, in this order.

    Returns:
        J [len(tasks), P], in the unit of a loss over that of a weight; rows of zeros where a task has no gradient.
    """
    params = [p for p in (trunk.parameters() if isinstance(trunk, nn.Module) else trunk) if p.requires_grad]
    with torch.enable_grad():
        losses = evaluate(closure, tasks)
    J = new_jacobian(len(tasks), params)
    for i, loss in enumerate(losses):
        if loss is None:
            J[i].zero_()
        else:
            fill_row(J[i], params, gradient(loss, params, keep_graph=i + 1 < len(losses)))
    return J


def cosines(gramian: Tensor) -> Tensor:
    """Pairwise cosines of J's rows from its Gramian, [K, K]; 0 for a row of zeros."""
    norms = gramian.diagonal().sqrt()
    scale = norms.outer(norms)
    return torch.where(scale > 0, gramian / torch.where(scale > 0, scale, 1), 0)


def pairs(J: Tensor) -> Tensor:
    """The cosine of every pair of J's rows, [K (K - 1) / 2], in the order (0, 1), (0, 2), …"""
    first, second = torch.triu_indices(len(J), len(J), offset=1)
    return cosines(J @ J.T)[first, second]


def by_block(J: Tensor, sizes: Sequence[int]) -> Tensor:
    """The mean cosine over pairs of rows within each block of columns, [len(sizes)].

    A pair counts where both rows are non-zero in the block: a layer that one task alone uses has no agreement, and is
    NaN. `sizes` are the blocks' widths, together P.
    """
    first, second = torch.triu_indices(len(J), len(J), offset=1)
    means = []
    for block in torch.split(J, list(sizes), dim=1):
        gramian = block @ block.T
        used = gramian.diagonal() > 0
        means.append(cosines(gramian)[first, second][used[first] & used[second]].mean())
    return torch.stack(means).clamp(-1, 1)


def magnitude_ratio(J: Tensor) -> float:
    """The length of J's shortest row over that of its longest, in [0, 1]; 1 where all are zero."""
    norms = torch.linalg.vector_norm(J, dim=1)
    return float(norms.min() / norms.max()) if norms.max() > 0 else 1.0
