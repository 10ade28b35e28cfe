"""Local gradients ghat_i: where each task's own part of the perturbation comes from. A new estimator is one function.

`spsa` needs forward passes only: simultaneous perturbation (Spall 1992; SAMO, ICCV 2025, section 3).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from samo.optim.closures import TaskLosses
from samo.optim.parameters import widest
from samo.optim.perturbation import Vector, Weights
from samo.optim.random_state import draw_seeds
from samo.optim.sharpness import Distribution, Sharpness


class Estimate(NamedTuple):
    """ghat = coefficient x direction on the tensors that get a local part, one for the tasks of these places.

    `slopes`, [len(tasks), directions], is what the probe said of each of them; None where nothing was probed.
    """

    tasks: list[int]
    direction: Vector
    coefficient: Tensor
    slopes: Tensor | None = None


class AtTheta(NamedTuple):
    """What an estimator may go by.

    Attributes:
        losses: in passes without trace.
        theta: the trunk; `which` are the indices of its tensors that get a local part.
        generator: the source of the seeds of random directions.
        at_theta: the losses where the trunk is, [K]: what a one-sided probe is compared with.
        rows: each task's exact gradient, where a backward pass per task was made for it.
    """

    losses: TaskLosses
    theta: Weights
    which: Sequence[int]
    generator: torch.Generator
    at_theta: Tensor
    rows: Sequence[Vector] = ()

    @property
    def local(self) -> Vector:
        """The tensors that get a local part."""
        return [self.theta.home[d] for d in self.which]


def exact(s: Sharpness, tasks: Sequence[int], at: AtTheta) -> list[Estimate]:
    """ghat_i = g_i, the task's gradient itself (L-SAM; F-MTL, algorithm 1)."""
    one = at.at_theta.new_ones(())
    return [Estimate([i], [at.rows[i][d] for d in at.which], one) for i in tasks]


def spsa(s: Sharpness, tasks: Sequence[int], at: AtTheta) -> list[Estimate]:
    """ghat_i = s_i z, s_i the slope of l_i along a random direction z; all of these tasks share z and its probes."""
    seeds, z, columns = draw_seeds(s.directions, at.generator), [], []
    for seed in seeds:
        z = draw(at.local, seed, s.distribution)
        columns.append(probe(s, tasks, z, at))
    slopes = torch.stack(columns, dim=1)
    return [
        Estimate([tasks[n] for n in group], *_averaged(s, at, seeds, slopes[group[0]], z), slopes[group])
        for group in _alike(s, slopes)
    ]


def coin(s: Sharpness, tasks: Sequence[int], at: AtTheta) -> list[Estimate]:
    """ghat_i = +-z, a coin in the place of the slope: the placebo of spsa, without any probe."""
    seeds, size = draw_seeds(s.directions, at.generator), (len(tasks), s.directions)
    coins = (2 * torch.randint(2, size, generator=at.generator, device=at.generator.device) - 1).to(at.at_theta)
    z = draw(at.local, seeds[0], s.distribution) if s.directions == 1 else []
    return [
        Estimate([tasks[n] for n in group], *_averaged(s, at, seeds, coins[group[0]], z)) for group in _alike(s, coins)
    ]


ESTIMATORS: Mapping[str, Callable[[Sharpness, Sequence[int], AtTheta], list[Estimate]]] = {
    "exact": exact,
    "spsa": spsa,
    "random": coin,
}


def draw(like: Sequence[Tensor], seed: int, distribution: Distribution = "normal") -> Vector:
    """A random direction shaped like these tensors, of identity covariance: the same one for the same seed."""
    generator = torch.Generator(like[0].device).manual_seed(seed)
    z = [torch.empty_like(p, dtype=widest([p]), requires_grad=False) for p in like]
    for part in z:
        if distribution == "normal":
            part.normal_(generator=generator)
        else:
            part.random_(0, 2, generator=generator).mul_(2).sub_(1)
    return z


def probe(s: Sharpness, tasks: Sequence[int], z: Vector, at: AtTheta) -> Tensor:
    """The slope s_i of each task's loss along z; s_i z estimates its gradient without bias as mu goes to 0.

    The trunk's tensors that get a local part are moved by +-mu z, the heads stay.

    Returns:
        [len(tasks)]: (l(theta + mu z) - l(theta - mu z)) / 2 mu, or one-sided (l(theta + mu z) - l(theta)) / mu.

    Raises:
        LossError: a loss there is not finite: a slope of NaN has the sign 0, and SAMO would be G-SAM unseen.
    """
    running = s.probe_statistics == "running"
    with at.theta.moved(z, s.mu, at.which):
        ahead = at.losses.values(tasks, running=running)
    behind, width = at.at_theta[list(tasks)], s.mu
    if s.probe == "central":
        with at.theta.moved(z, -s.mu, at.which):
            behind, width = at.losses.values(tasks, running=running), 2 * s.mu
    slopes = (ahead - behind) / width
    if not torch.isfinite(slopes).all():
        for values, sign in ((ahead, "+"), (behind, "-")):
            at.losses.check(values, tasks, where=f" in a probe, at theta {sign} mu z (mu = {s.mu:g})")
    return slopes


def losses_at_theta(s: Sharpness, at: AtTheta) -> Tensor:
    """What a one-sided probe is compared with, [K]: the clean losses, or in evaluation mode those of a pass more."""
    if s.probes and s.probe == "one-sided" and s.probe_statistics == "running":
        return at.losses.values(range(len(at.at_theta)), running=True)
    return at.at_theta


def _alike(s: Sharpness, coefficients: Tensor) -> list[list[int]]:
    """Rows of [tasks, directions] that make one estimate: by sign, at most three groups; each its own otherwise."""
    if not s.sign_only or len(coefficients) == 1:
        return [[n] for n in range(len(coefficients))]
    signs = coefficients[:, 0].sign().tolist()
    groups = ([n for n, sign in enumerate(signs) if sign == wanted] for wanted in (1.0, -1.0, 0.0))
    return [group for group in groups if group]


def _averaged(
    s: Sharpness, at: AtTheta, seeds: Sequence[int], coefficients: Tensor, z: Vector
) -> tuple[Vector, Tensor]:
    """Direction and coefficient of one z, or of the mean of s_q z_q, each drawn again rather than stored."""
    if s.directions == 1:
        return z, coefficients[0]
    total = [torch.zeros_like(part, dtype=widest([part])) for part in at.local]
    for seed, coefficient in zip(seeds, coefficients / len(seeds), strict=True):
        z = draw(at.local, seed, s.distribution)
        torch._foreach_mul_(z, coefficient)
        torch._foreach_add_(total, z)
    return total, coefficients.new_ones(())
