"""How far a loss rises within a ball around the weights: sharpness as SAM defines it (Foret et al. 2021)."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from samo.analysis.parts.hessian import Pieces
from samo.optim.jacobian import gradient
from samo.optim.perturbation import Vector, Weights, safe_ratio, to_radius_, whole_norm


def rise(
    pieces: Pieces, params: Sequence[Tensor], rho: float, steps: int, generator: torch.Generator
) -> tuple[float, float]:
    """The largest rise of the loss over ||eps|| <= rho, by projected gradient ascent from SAM's point.

    The first point is rho g / ||g|| (a random one on the sphere where g is 0); each next one moves by rho along the
    gradient there, and is projected back into the ball. Five vectors of the size of the parameters are held; the
    parameters come back. `generator` is on the CPU; each of `steps` points costs a forward and a backward pass.

    Returns:
        The maximum of L(theta + eps) - L(theta) over the points tried, at least 0: a lower bound of the true one, NaN
        where a loss is. And rho ||grad L||, SAM's first-order approximation of it.
    """
    theta = Weights(params)
    home, g = _value_and_slope(pieces, params)
    first_order = rho * float(whole_norm(g))
    if first_order == 0:
        g = [torch.randn(p.shape, generator=generator, dtype=p.dtype).to(p.device) for p in params]
    eps = to_radius_(g, theta.home, rho)
    rises = [0.0]
    for _ in range(steps):
        with theta.moved(eps):
            value, g = _value_and_slope(pieces, params)
        rises.append(value - home)
        torch._foreach_add_(eps, to_radius_(g, theta.home, rho))
        length = whole_norm(eps)
        torch._foreach_mul_(eps, torch.clamp(safe_ratio(torch.full_like(length, rho), length), max=1))
    return float(np.max(rises)), first_order


def _value_and_slope(pieces: Pieces, params: Sequence[Tensor]) -> tuple[float, Vector]:
    total, slope = 0.0, [torch.zeros_like(p, requires_grad=False) for p in params]
    for piece in pieces:
        with torch.enable_grad():
            loss = piece()
        total += float(loss.detach())
        found = gradient(loss, params, keep_graph=False)
        used = [(into, g) for into, g in zip(slope, found, strict=True) if g is not None]
        if used:
            torch._foreach_add_([into for into, _ in used], [g for _, g in used])
    return total, slope
