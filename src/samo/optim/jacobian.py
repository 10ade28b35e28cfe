"""Gradients of task losses with respect to the trunk."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from samo.optim.passes import Closure, evaluate


def parameters_of(part: nn.Module | Iterable[Tensor]) -> list[Tensor]:
    """The parameters of a trunk or head, given as a module or as they are."""
    return list(part.parameters() if isinstance(part, nn.Module) else part)


def as_rows(row: Tensor, params: Sequence[Tensor]) -> list[Tensor]:
    """A flat vector [P] as views shaped like the parameters."""
    parts = torch.split(row, [p.numel() for p in params])
    return [part.view(p.shape) for part, p in zip(parts, params, strict=True)]


def fill_row(row: Tensor, params: Sequence[Tensor], grads: Sequence[Tensor | None]) -> None:
    """Write a task's gradient into its row of J; where the task does not use a parameter, zeros."""
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
    return torch.autograd.grad(loss, params, retain_graph=keep_graph, allow_unused=True)


def new_jacobian(tasks: int, params: Sequence[Tensor]) -> Tensor:
    """Room for J [K, P], not filled."""
    if len({(p.dtype, p.device) for p in params}) > 1:
        raise ValueError("a Jacobian needs all trainable trunk parameters on one device and in one dtype")
    size = sum(p.numel() for p in params)
    return torch.empty(tasks, size, dtype=params[0].dtype, device=params[0].device)


def task_gradients(closure: Closure, trunk: nn.Module | Iterable[Tensor], tasks: Sequence[int]) -> Tensor:
    """The trunk gradients of these tasks at the present weights: one forward pass, one backward pass a task.

    Args:
        closure: tasks -> their losses. Runs as it is: modes, statistics and random streams are the caller's.
        trunk: the shared module or its parameters; frozen ones are left out.
        tasks: indices, one row each, in this order.

    Returns:
        J [len(tasks), P], rows of zeros where a task has no gradient.
    """
    params = [p for p in parameters_of(trunk) if p.requires_grad]
    with torch.enable_grad():
        losses = evaluate(closure, tasks)
    J = new_jacobian(len(tasks), params)
    for i, loss in enumerate(losses):
        fill_row(J[i], params, gradient(loss, params, keep_graph=i + 1 < len(losses)))
    return J
