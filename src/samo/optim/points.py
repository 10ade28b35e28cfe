"""Where each task's gradient is taken: groups of tasks with one perturbed point each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from samo.optim import streams
from samo.optim.passes import Passes
from samo.optim.perturbation import Point, Vector, mix_, to_ball_
from samo.optim.sharpness import Sharpness
from samo.optim.spsa import draw, slopes

Group = tuple[Sequence[int], Vector]
Scorer = Callable[[Vector, Sequence[int]], Tensor]


@dataclass(frozen=True)
class Clean:
    """What the clean pass knows: losses [K], g_0 on the trunk, and where it was wanted J [K, P] as a row's views.

    Where all tasks share one point, g_0 becomes its perturbation: it is the caller's to copy.
    """

    losses: Tensor
    g0: Vector
    row: Callable[[int], Vector] | None


def perturbed_points(
    sharpness: Sharpness,
    passes: Passes,
    theta: Point,
    which: Sequence[int],
    clean: Clean,
    generator: torch.Generator,
) -> Iterator[Group]:
    """Groups of tasks with the eps that they share, together all tasks once.

    A group's eps is made when it is asked for, so that one exists at a time, and is the taker's to empty; between
    groups the trunk is at home.

    Args:
        which: indices of the tensors that get a local part.
        generator: source of the seeds of random directions; not drawn from where there are none.
    """
    tasks = range(len(clean.losses))

    def in_ball(v: Vector) -> Vector:
        return to_ball_(v, theta.home, sharpness.rho, adaptive=sharpness.adaptive, ball=sharpness.ball)

    if not sharpness.needs_local:
        yield tasks, in_ball(clean.g0)
    elif sharpness.estimator == "exact":
        assert clean.row is not None
        one = clean.losses.new_ones(())
        for i in tasks:
            gradient = clean.row(i)
            local = [gradient[d].clone() for d in which]
            yield [i], in_ball(_mixed(sharpness, clean.g0, local, which, one))
    elif not which:  # the sampled layers are frozen
        yield tasks, in_ball([g * sharpness.global_weight for g in clean.g0])
    else:
        for group, local, coefficient in _estimates(sharpness, passes, theta, which, clean, generator):
            yield group, in_ball(_mixed(sharpness, clean.g0, local, which, coefficient))


def _mixed(sharpness: Sharpness, g0: Vector, local: Vector, which: Sequence[int], coefficient: Tensor) -> Vector:
    """v_i over the whole trunk: the mix on the tensors `which` (in place in `local`), alpha g_0 elsewhere."""
    alpha = sharpness.global_weight
    if local:
        mix_(local, [g0[d] for d in which], coefficient, alpha, sharpness.normalise)
    if len(which) == len(g0):
        return local
    v = [g * alpha for g in g0]
    for d, part in zip(which, local, strict=True):
        v[d] = part
    return v


def _estimates(
    sharpness: Sharpness,
    passes: Passes,
    theta: Point,
    which: Sequence[int],
    clean: Clean,
    generator: torch.Generator,
) -> Iterator[tuple[Sequence[int], Vector, Tensor]]:
    """Groups of tasks with their local direction and its coefficient: ghat = coefficient x direction."""
    like = [theta.home[d] for d in which]
    every_task = list(range(len(clean.losses)))
    at_theta = None
    if sharpness.estimator == "spsa" and sharpness.probe == "one-sided":
        batch = sharpness.probe_statistics == "batch"
        at_theta = clean.losses if batch else passes.probe(every_task, running=True)
    for tasks in [every_task] if sharpness.noise == "shared" else [[i] for i in every_task]:
        numbers = streams.seeds(sharpness.directions, generator)
        z: Vector = []
        if sharpness.estimator == "random":
            coins = torch.randint(2, (len(tasks), len(numbers)), generator=generator, device=generator.device)
            coefficients = (2 * coins - 1).to(clean.losses)
        else:
            columns = []
            for number in numbers:
                z = draw(like, number, sharpness.distribution)
                columns.append(
                    slopes(
                        passes,
                        theta,
                        z,
                        which,
                        tasks,
                        sharpness,
                        None if at_theta is None else at_theta[tasks],
                    )
                )
            coefficients = torch.stack(columns, dim=1)
        groups = (
            _same_sign(coefficients) if sharpness.sign_only and len(tasks) > 1 else [[n] for n in range(len(tasks))]
        )
        for left, group in enumerate(groups, start=1 - len(groups)):
            if sharpness.directions == 1:
                z = z or draw(like, numbers[0], sharpness.distribution)
                local = z if left == 0 else [part.clone() for part in z]
                yield [tasks[n] for n in group], local, coefficients[group[0], 0]
            else:
                one = coefficients.new_ones(())
                yield (
                    [tasks[n] for n in group],
                    _average(sharpness, like, numbers, coefficients[group[0]]),
                    one,
                )


def _same_sign(coefficients: Tensor) -> list[list[int]]:
    """Tasks grouped by the sign of their slope: at most three groups, in practice two."""
    signs = coefficients[:, 0].sign().tolist()
    groups = ([n for n, sign in enumerate(signs) if sign == wanted] for wanted in (1.0, -1.0, 0.0))
    return [group for group in groups if group]


def _average(sharpness: Sharpness, like: Vector, numbers: Sequence[int], coefficients: Tensor) -> Vector:
    """The mean of s_q z_q over directions, each drawn again from its seed rather than stored."""
    total = [torch.zeros_like(part) for part in like]
    for number, coefficient in zip(numbers, coefficients / len(numbers), strict=True):
        z = draw(like, number, sharpness.distribution)
        torch._foreach_mul_(z, coefficient)
        torch._foreach_add_(total, z)
    return total
