"""Local gradients from forward passes only: simultaneous perturbation, SPSA (Spall 1992; SAMO, ICCV 2025)."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from samo.optim.passes import Passes
from samo.optim.perturbation import Point, Vector
from samo.optim.sharpness import Sharpness


def draw(like: Sequence[Tensor], seed: int, distribution: Literal["normal", "rademacher"] = "normal") -> Vector:
    """A random direction shaped like these tensors, of identity covariance: the same one for the same seed."""
    generator = torch.Generator(like[0].device).manual_seed(seed)
    z = [torch.empty_like(p, requires_grad=False) for p in like]
    for part in z:
        if distribution == "normal":
            part.normal_(generator=generator)
        else:
            part.random_(0, 2, generator=generator).mul_(2).sub_(1)
    return z


def slopes(
    passes: Passes,
    theta: Point,
    z: Vector,
    which: Sequence[int],
    tasks: Sequence[int],
    sharpness: Sharpness,
    clean: Tensor | None,
) -> Tensor:
    """The slope s_i of each task's loss along z; s_i z estimates its gradient without bias as mu goes to 0.

    Args:
        theta: the trunk; its tensors at the indices `which` are moved by +-mu z, the heads stay.
        tasks: whose slopes; all of them share a pass.
        clean: [len(tasks)] losses at theta, for a one-sided difference; None for a central one.

    Returns:
        [len(tasks)]: (l(theta + mu z) - l(theta - mu z)) / 2 mu, or (l(theta + mu z) - l(theta)) / mu.
    """
    running, mu = sharpness.probe_statistics == "running", sharpness.mu
    with theta.displaced(z, mu, which):
        ahead = passes.probe(tasks, running=running)
    if clean is not None:
        return (ahead - clean) / mu
    with theta.displaced(z, -mu, which):
        behind = passes.probe(tasks, running=running)
    return (ahead - behind) / (2 * mu)
