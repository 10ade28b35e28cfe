"""Local gradients ghat_i: where each task's own part of the perturbation comes from. A new estimator is one function.

`spsa` needs forward passes only: simultaneous perturbation (Spall 1992; SAMO, ICCV 2025, section 3). `guided` is spsa
along other directions (guided evolutionary strategies, Maheswaranathan et al. 2019).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from samo.optim.closures import TaskLosses
from samo.optim.parameters import widest
from samo.optim.perturbation import Vector, Weights, inner, safe_ratio, whole_norm
from samo.optim.random_state import draw_seeds
from samo.optim.sharpness import Distribution, Sharpness


class Estimate(NamedTuple):
    """ghat = coefficient x direction on the tensors that get a local part, shared by the tasks at these indices.

    `slopes`, [len(tasks), directions], are the slopes that the probe found; None where nothing was probed.
    """

    tasks: list[int]
    direction: Vector
    coefficient: Tensor
    slopes: Tensor | None = None


@dataclass(frozen=True)
class AtTheta:
    """What an estimator may use.

    Attributes:
        losses: the task losses, in passes that leave no trace.
        theta: the trunk; `which` are the indices of its tensors that get a local part.
        generator: the source of the seeds of random directions.
        at_theta: the losses at theta, [K], with which a one-sided probe is compared.
        rows: what is known of each task's gradient: exact where a backward pass per task was made for it, else what is
            remembered, None where nothing is.
        g0: the gradient of the mean loss.
    """

    losses: TaskLosses
    theta: Weights
    which: Sequence[int]
    generator: torch.Generator
    at_theta: Tensor
    rows: Sequence[Vector | None] = ()
    g0: Vector = field(default_factory=list)

    @cached_property
    def local(self) -> Vector:
        """The tensors that get a local part."""
        return [self.theta.home[d] for d in self.which]

    @cached_property
    def known(self) -> list[Vector]:
        """What is known of the tasks' gradients, on these tensors."""
        return [[row[d] for d in self.which] for row in self.rows if row is not None]

    @cached_property
    def span(self) -> Tensor:
        """C [len(known), k] such that C^T known is an orthonormal basis of their k dimensions."""
        stacked = [torch.stack([part.flatten() for part in parts]) for parts in zip(*self.known, strict=True)]
        gramian = torch.stack([rows @ rows.T for rows in stacked]).sum(0)
        squares, vectors = torch.linalg.eigh(gramian)
        used = squares > squares.max() * len(squares) * torch.finfo(squares.dtype).eps
        basis: Tensor = vectors[:, used] * squares[used].rsqrt()
        return basis

    def agreement(self, task: int) -> Tensor:
        """alpha_i = (1 + cos(m_i, g_0)) / 2, m_i what is known of the task's gradient; 0.5 where nothing is."""
        if not self.rows or (row := self.rows[task]) is None:
            return self.at_theta.new_full((), 0.5)
        m, g0 = [row[d] for d in self.which], [self.g0[d] for d in self.which]
        return (1 + safe_ratio(inner(m, g0), whole_norm(m) * whole_norm(g0))).clamp(0, 2) / 2


def own(s: Sharpness, tasks: Sequence[int], at: AtTheta) -> list[Estimate]:
    """ghat_i = g_i itself (L-SAM; F-MTL, algorithm 1), or what is remembered of it; g_0 where nothing is."""
    found = [at.g0 if not at.rows or (row := at.rows[i]) is None else row for i in tasks]
    one = at.at_theta.new_ones(())
    return [Estimate([i], [row[d] for d in at.which], one) for i, row in zip(tasks, found, strict=True)]


def spsa(s: Sharpness, tasks: Sequence[int], at: AtTheta) -> list[Estimate]:
    """ghat_i = s_i z, s_i the slope of l_i along a random direction z; all of these tasks share z and its probes."""
    seeds, z, columns = draw_seeds(s.directions, at.generator), [], []
    for seed in seeds:
        z = direction(s, seed, at)
        columns.append(probe(s, tasks, z, at))
    slopes = torch.stack(columns, dim=1)
    return [
        Estimate([tasks[n] for n in group], *_averaged(s, at, seeds, slopes[group[0]], z), slopes[group])
        for group in _alike(s, slopes)
    ]


def coin(s: Sharpness, tasks: Sequence[int], at: AtTheta) -> list[Estimate]:
    """ghat_i = +-z, a coin flip in place of the slope: the placebo of spsa, without any probe."""
    seeds, size = draw_seeds(s.directions, at.generator), (len(tasks), s.directions)
    coins = (2 * torch.randint(2, size, generator=at.generator, device=at.generator.device) - 1).to(at.at_theta)
    z = direction(s, seeds[0], at) if s.directions == 1 else []
    return [
        Estimate([tasks[n] for n in group], *_averaged(s, at, seeds, coins[group[0]], z)) for group in _alike(s, coins)
    ]


ESTIMATORS: Mapping[str, Callable[[Sharpness, Sequence[int], AtTheta], list[Estimate]]] = {
    "exact": own,
    "spsa": spsa,
    "random": coin,
    "remembered": own,
    "guided": spsa,
}


def direction(s: Sharpness, seed: int, at: AtTheta) -> Vector:
    """The random direction of a seed; a guided one lies half in the span of the known gradients.

    E z z^T = (I + P / k U U^T) / 2, U [P, k] an orthonormal basis of that span: as long as one of identity covariance.
    """
    z = draw(at.local, seed, s.distribution, s.rank)
    if s.estimator == "guided" and at.known and at.span.numel():
        k = at.span.shape[1]
        e = torch.randn(k, generator=torch.Generator(z[0].device).manual_seed(seed ^ 1), device=z[0].device)
        weights = at.span @ e.to(at.span) * (sum(part.numel() for part in z) / k) ** 0.5
        for weight, row in zip(weights, at.known, strict=True):
            torch._foreach_add_(z, torch._foreach_mul(row, weight))
        torch._foreach_mul_(z, 0.5**0.5)
    return z


def draw(like: Sequence[Tensor], seed: int, distribution: Distribution = "normal", rank: int = 1) -> Vector:
    """A random direction shaped like these tensors, of identity covariance: the same one for the same seed."""
    generator = torch.Generator(like[0].device).manual_seed(seed)
    z = [torch.empty_like(p, dtype=widest([p]), requires_grad=False) for p in like]
    for part in z:
        if distribution == "rademacher":
            part.random_(0, 2, generator=generator).mul_(2).sub_(1)
        elif distribution == "low-rank" and part.ndim > 1:
            out, rest = part.flatten(1).shape
            U, V = (part.new_empty(n, rank).normal_(generator=generator) for n in (out, rest))
            part.copy_((U @ V.T / rank**0.5).view(part.shape))
        else:
            part.normal_(generator=generator)
    return z


def probe(s: Sharpness, tasks: Sequence[int], z: Vector, at: AtTheta) -> Tensor:
    """The slope s_i of each task's loss along z; s_i z estimates its gradient without bias as mu goes to 0.

    The trunk's tensors that get a local part are moved by +-mu z, the heads stay.

    Returns:
        [len(tasks)]: (l(theta + mu z) - l(theta - mu z)) / 2 mu, or one-sided (l(theta + mu z) - l(theta)) / mu.

    Raises:
        LossError: a loss there is not finite: a slope of NaN has the sign 0, and SAMO would silently become G-SAM.
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
    """What a one-sided probe is compared with, [K]: the clean losses, or in evaluation mode those of one more pass."""
    if s.probes and s.probe == "one-sided" and s.probe_statistics == "running":
        return at.losses.values(range(len(at.at_theta)), running=True)
    return at.at_theta


def _alike(s: Sharpness, coefficients: Tensor) -> list[list[int]]:
    """Groups of rows of [tasks, directions] that share an estimate: at most three, by sign; else one row each."""
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
        z = direction(s, seed, at)
        torch._foreach_mul_(z, coefficient)
        torch._foreach_add_(total, z)
    return total, coefficients.new_ones(())
