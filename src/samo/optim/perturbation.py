"""A vector in the trunk's space as a list of tensors: its norms, its ball, and moving the weights along it.

Nothing here reads a number off the device: norms stay tensors, so that no step waits for an accelerator.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor

Vector = list[Tensor]


def layer_norms(v: Vector) -> Tensor:
    """The norm of each tensor, [D]."""
    return torch.stack(list(torch._foreach_norm(v)))


def whole_norm(v: Vector) -> Tensor:
    """The norm of all tensors together, a scalar."""
    norm: Tensor = torch.linalg.vector_norm(layer_norms(v))
    return norm


def safe_ratio(numerator: Tensor, norm: Tensor) -> Tensor:
    """numerator / norm, and 0 where the norm is 0 (or too small to divide by): a zero gradient moves nothing."""
    usable = norm > torch.finfo(norm.dtype).tiny
    return torch.where(usable, numerator / torch.where(usable, norm, 1), 0)


def scale_layers_(v: Vector, factors: Tensor) -> None:
    """Multiply each tensor by its factor of [D], in place."""
    torch._foreach_mul_(v, list(factors.unbind()))


def mix_(
    v: Vector,
    g0: Vector,
    coefficient: Tensor,
    alpha: float,
    normalise: Literal["none", "layer", "global"],
) -> None:
    """v <- alpha g_0 + (1 - alpha) coefficient v, with v first scaled to g_0's norm, in place.

    Args:
        v: the local direction, on the tensors of `g0`.
        coefficient: scalar; its sign survives every normalisation, its size only `none`.
        normalise: to ||g_0^d|| tensor by tensor, to ||g_0|| as a whole, or not at all.
    """
    local = layer_norms(v)
    if normalise == "none":
        factors = coefficient.expand_as(local)
    elif normalise == "layer":
        factors = safe_ratio(layer_norms(g0), local) * coefficient.sign()
    else:
        whole = safe_ratio(whole_norm(g0), torch.linalg.vector_norm(local)) * coefficient.sign()
        factors = whole.expand_as(local)
    scale_layers_(v, factors * (1 - alpha))
    torch._foreach_add_(v, g0, alpha=alpha)


def to_ball_(
    v: Vector,
    theta: Vector,
    rho: float,
    *,
    adaptive: bool = False,
    ball: Literal["trunk", "layer"] = "trunk",
) -> Vector:
    """v <- rho v / ||v||, or with `adaptive` rho theta^2 v / || |theta| v ||, in place; 0 stays 0.

    Args:
        ball: one norm over all tensors (`trunk`), or one a tensor (`layer`).
    """
    if adaptive:
        torch._foreach_mul_(v, list(torch._foreach_abs(theta)))
    norms = layer_norms(v)
    factors = safe_ratio(
        torch.full_like(norms, rho), norms if ball == "layer" else torch.linalg.vector_norm(norms).expand_as(norms)
    )
    scale_layers_(v, factors)
    if adaptive:
        torch._foreach_mul_(v, list(torch._foreach_abs(theta)))
    return v


def heads_to_balls_(v: Vector, theta: Vector, owner: Tensor, heads: int, rho: float, adaptive: bool) -> None:
    """Scale every head's gradient to its own ball, in place.

    Args:
        v: the gradients of all heads' parameters, one list.
        owner: [D], the head that each tensor belongs to.
    """
    if adaptive:
        torch._foreach_mul_(v, list(torch._foreach_abs(theta)))
    squares = layer_norms(v).square()
    norms = torch.zeros(heads, dtype=squares.dtype, device=squares.device).index_add_(0, owner, squares).sqrt()
    scale_layers_(v, safe_ratio(torch.full_like(norms, rho), norms)[owner])
    if adaptive:
        torch._foreach_mul_(v, list(torch._foreach_abs(theta)))


def orthogonal_part(v: Vector, base: Vector) -> Vector:
    """v minus its projection on base (v itself where base is 0)."""
    inner = torch.stack([torch.sum(a * b) for a, b in zip(v, base, strict=True)]).sum()
    share = safe_ratio(inner, whole_norm(base).square())
    return list(torch._foreach_sub(v, list(torch._foreach_mul(base, share))))


def add_flat_(v: Vector, flat: Vector, reuse: float) -> None:
    """v <- v + reuse ||v|| / ||flat|| flat, in place (LookSAM, Liu et al. 2022, algorithm 1)."""
    share = reuse * safe_ratio(whole_norm(v), whole_norm(flat))
    torch._foreach_add_(v, list(torch._foreach_mul(flat, share)))


class Point:
    """Weights with a copy to come back to: bit for bit, because they are copied back and never subtracted back."""

    def __init__(self, params: Sequence[Tensor]) -> None:
        self.params = list(params)
        self.home = [p.detach().clone() for p in params]

    @contextmanager
    def displaced(self, v: Vector, scale: float = 1.0, which: Sequence[int] | None = None) -> Iterator[None]:
        """Inside, the weights (or those at the indices `which`) are home + scale v; afterwards they are home."""
        params = self.params if which is None else [self.params[d] for d in which]
        home = self.home if which is None else [self.home[d] for d in which]
        if not params:
            yield
            return
        try:
            with torch.no_grad():
                torch._foreach_add_(params, v, alpha=scale)
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(params, home)
