"""A vector in the trunk's space as a list of tensors: its norms, its ball, and moving the weights along it.

Norms stay tensors, so that no step waits for an accelerator.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from samo.optim.sharpness import Ball, Normalise, Sharpness

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


def mixed(g0: Vector, z: Vector, coefficient: Tensor, alpha: float | Tensor, normalise: Normalise) -> Vector:
    """v = alpha g_0 + (1 - alpha) ghat, ghat = coefficient z scaled to g_0's norm (SAMO, section 3).

    Args:
        g0: the gradient of the mean loss, on the tensors of `z`.
        z: the direction of the local estimate.
        coefficient: scalar; its sign survives every normalisation, its size only `none`.
        normalise: to ||g_0^d|| tensor by tensor, to ||g_0|| as a whole, or not at all.
    """
    if not z:
        return []
    factors, local = coefficient.expand(len(z)), layer_norms(z)
    if normalise == "layer":
        factors = safe_ratio(layer_norms(g0), local) * coefficient.sign()
    elif normalise == "global":
        whole = safe_ratio(whole_norm(g0), torch.linalg.vector_norm(local)) * coefficient.sign()
        factors = whole.expand_as(local)
    v = list(torch._foreach_mul(z, list((factors * (1 - alpha)).unbind())))
    if isinstance(alpha, Tensor):  # which stays where it is
        torch._foreach_add_(v, torch._foreach_mul(g0, alpha))
    else:
        torch._foreach_add_(v, g0, alpha=alpha)
    return v


def perturbation(
    s: Sharpness,
    g0: Vector,
    which: Sequence[int],
    direction: Vector,
    coefficient: Tensor,
    theta: Vector,
    alpha: Tensor | None = None,
) -> Vector:
    """eps = rho v / ||v||, v the mix with ghat = coefficient x direction on the tensors `which`, else alpha g_0.

    `alpha`, a scalar, replaces the sharpness's own.
    """
    weight = s.global_weight if alpha is None else alpha
    v = list(g0) if len(which) == len(g0) else list(torch._foreach_mul(g0, weight))
    local = mixed([g0[d] for d in which], direction, coefficient, weight, s.normalise)
    for d, part in zip(which, local, strict=True):
        v[d] = part
    return to_radius_(v, theta, s.rho, s.adaptive, s.ball)


def to_radius_(
    v: Vector, theta: Vector, rho: float, adaptive: bool = False, ball: Ball | Sequence[int] = "trunk"
) -> Vector:
    """v <- rho v / ||v||, or with `adaptive` rho theta^2 v / || |theta| v || (ASAM), in place; 0 stays 0.

    Args:
        ball: one norm over all tensors (`trunk`), one per tensor (`layer`), or one per group of tensors that have the
            same number here.
    """
    if not v:
        return v
    if adaptive:
        torch._foreach_mul_(v, list(torch._foreach_abs(theta)))
    norms = layer_norms(v)
    if ball == "trunk":
        norms = torch.linalg.vector_norm(norms).expand_as(norms)
    elif ball != "layer":
        where = torch.tensor(ball, device=norms.device)
        norms = norms.new_zeros(max(ball) + 1).index_add_(0, where, norms.square()).sqrt()[where]
    torch._foreach_mul_(v, list(safe_ratio(torch.full_like(norms, rho), norms).unbind()))
    if adaptive:
        torch._foreach_mul_(v, list(torch._foreach_abs(theta)))
    return v


def inner(v: Vector, w: Vector) -> Tensor:
    """The inner product over all tensors, a scalar."""
    return torch.stack([torch.sum(a * b) for a, b in zip(v, w, strict=True)]).sum()


def orthogonal_part(v: Vector, base: Vector) -> Vector:
    """v minus its projection on base (v itself where base is 0)."""
    share = safe_ratio(inner(v, base), whole_norm(base).square())
    return list(torch._foreach_sub(v, torch._foreach_mul(base, share)))


def add_flat_(v: Vector, flat: Vector, reuse: float) -> None:
    """v <- v + reuse ||v|| / ||flat|| flat, in place (LookSAM, Liu et al. 2022, algorithm 1)."""
    share = reuse * safe_ratio(whole_norm(v), whole_norm(flat))
    torch._foreach_add_(v, torch._foreach_mul(flat, share))


def all_finite(*vectors: Sequence[Tensor | None]) -> bool:
    """Whether nothing in these is NaN or infinite; the one place where a step waits for an accelerator."""
    tensors = [t for v in vectors for t in v if t is not None and t.numel()]
    norms = torch._foreach_norm(tensors, ord=float("inf")) if tensors else ()
    return not norms or bool(torch.isfinite(torch.stack([norm.float() for norm in norms])).all())


class Weights:
    """Weights with a copy to come back to: bit for bit, because they are copied back and never subtracted back."""

    def __init__(self, params: Sequence[Tensor]) -> None:
        self.params = list(params)
        self.home = [p.detach().clone() for p in params]

    @contextmanager
    def moved(self, v: Vector, scale: float = 1.0, which: Sequence[int] | None = None) -> Iterator[None]:
        """Inside, the weights (or those at the indices `which`) are home + scale v; afterwards they are home.

        Raises:
            ValueError: 16-bit weights would round most of the move away.
        """
        chosen = range(len(self.params)) if which is None else which
        params, home = [self.params[d] for d in chosen], [self.home[d] for d in chosen]
        if not params:
            yield
            return
        try:
            with torch.no_grad():
                torch._foreach_add_(params, v, alpha=scale)
                if any(p.element_size() < 4 for p in params):
                    _check_rounding(params, home, v, scale)
            del v  # it is in the weights now: the pass may have its memory
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(params, home)


def _check_rounding(params: Vector, home: Vector, v: Vector, scale: float) -> None:
    narrow = [(p, h, d) for p, h, d in zip(params, home, v, strict=True) if p.element_size() < 4]
    wanted = abs(scale) * whole_norm([d for _, _, d in narrow])
    if whole_norm([p.to(d.dtype) - h.to(d.dtype) - scale * d for p, h, d in narrow]) > 0.5 * wanted:
        lost = f"a step of length {float(wanted):.3g} is lost in the rounding of {narrow[0][0].dtype} weights"
        raise ValueError(f"{lost}: keep them in float32 (under autocast), or raise rho and mu")
