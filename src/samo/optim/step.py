"""One step: where the weights go, what is found there, and what is made of it."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torchjd.scalarization import Scalarizer

from samo.aggregation import check_subset
from samo.optim.closures import PERTURBED, First, TaskLosses, detached
from samo.optim.decompose import Decomposition
from samo.optim.estimators import ESTIMATORS, AtTheta, Estimate, losses_at_theta
from samo.optim.gradients import Jacobian, Rows, WeightedSum, fill_grad, weighted
from samo.optim.history import History
from samo.optim.jacobian import as_rows, mean_gradient
from samo.optim.parameters import Trainable
from samo.optim.perturbation import (
    Vector,
    Weights,
    all_finite,
    head_perturbations,
    perturbation,
    to_radius_,
    whole_norm,
)
from samo.optim.sharpness import Sharpness


@dataclass(frozen=True)
class Method:
    """What steps follow, and what they remember.

    Attributes:
        sharpness: how the weights are perturbed.
        combine: what makes one direction of all tasks.
        layers: the names of the trunk's tensors that get a local perturbation.
        tasks: how many there are.
        generator: the source of random directions and of an aggregator's draws.
        history: of the steps before.
    """

    sharpness: Sharpness
    combine: Scalarizer | Decomposition
    layers: frozenset[str]
    tasks: int
    generator: torch.Generator
    history: History


@dataclass(frozen=True)
class Record:
    """What one step found, for logging; tensors without a graph, where the step was made.

    Attributes:
        losses: of the first pass, [K], in the unit of the closure's losses; NaN for a task left out.
        finite: whether every gradient was. If not, `.grad` shows it and nothing was remembered of the gradients.
        cosines: pairwise, [K, K], of the task gradients that were aggregated (F-MTL: of the loss gradients); None
            under a scalariser or an aggregator that takes no Gramian.
        weights: of the tasks in the direction, [K]: a scalariser's derivatives or an aggregator's weights, else None.
        lengths: of each task's perturbation of the trunk, [K], in the weights' unit; None where nothing was perturbed.
        slopes: of each task's loss along its probe directions, [K, directions], in the unit of loss over weight; None
            without a probe.
    """

    losses: Tensor
    finite: bool = True
    cosines: Tensor | None = None
    weights: Tensor | None = None
    lengths: Tensor | None = None
    slopes: Tensor | None = None


@torch.no_grad()
def step(method: Method, net: Trainable, losses: TaskLosses, *, sharp: bool) -> Record:
    """One step's gradients, in `.grad`: perturbed as the sharpness says, or plain."""
    s, history = method.sharpness, method.history
    if not sharp:
        record = plain_step(method, net, losses)
        if record.finite and s.moves and s.every > 1 and s.reuse > 0 and history.has("flat trunk"):
            history.reuse_flat(s, net)
    elif s.from_history:  # the steps before chose the perturbation
        backwards = list(torch._foreach_neg(history.get(s.along, net.trunk)))
        eps = to_radius_(backwards, net.shared, s.rho, s.adaptive, s.ball)
        length = whole_norm(eps)
        with Weights(net.shared).moved(eps):
            record = plain_step(method, net, losses)
        record = replace(record, lengths=length.to(record.losses).expand_as(record.losses))
    else:
        record = sharp_step(method, net, losses)
    if record.finite and s.moves and s.from_history:
        history.remember_direction(s, net, losses.scale)
    return record


def plain_step(method: Method, net: Trainable, losses: TaskLosses) -> Record:
    """One pass for all tasks where the weights are, its gradients aggregated."""
    clean = losses.first()
    net = net.only(clean.places)
    with losses.without_trace():
        gathered = _gathered(method, net, losses, clean.values)
        if not gathered.add(clean.losses, range(len(clean.places))):
            losses.not_finite(clean.values, range(len(clean.places)))
            return Record(clean.values, finite=False)
        losses.check_finite(clean.values, range(len(clean.places)))
        found = gathered.finish()
        return Record(clean.values, cosines=found["cosines"], weights=found["weights"])


def sharp_step(method: Method, net: Trainable, losses: TaskLosses) -> Record:
    """SAMO's algorithm (ICCV 2025, section 3) for its whole family; theta is the trunk, phi_i head i, l_i its loss.

    G-SAM has no local part; F-MTL (arXiv 2211.13723, algorithm 1) has exact ones and aggregates losses and flatness
    apart. Tasks with one perturbation share a pass.
    """
    s, clean = method.sharpness, losses.first(replayed=True)  # l_i(theta, phi_i)
    net, K = net.only(clean.places), len(clean.places)
    with losses.without_trace():
        # g_0, the gradient of the mean loss in theta; h_i, of l_i in phi_i; and g_i in theta where ghat_i is exact
        g0, h, J = _clean_gradients(method, net, losses, clean)
        if not all_finite(g0, h):
            losses.not_finite(clean.values, range(K))
            return _shown(net, losses, clean, g0, h)
        losses.check_finite(clean.values, range(K))
        gathered = _gathered(method, net, losses, clean.values, J)
        lead = method.history.without_mean(s, net, g0) if s.along == "deviation" else g0

        theta, phi = Weights(net.shared), Weights(net.own)
        head_eps = head_perturbations(s, h, phi.home, net.owner, K)
        which = [d for d, name in enumerate(net.trunk) if name in method.layers] if s.needs_local else []
        at = AtTheta(losses, theta, which, method.generator, clean.values, J.rows() if J is not None else ())
        at = at._replace(at_theta=losses_at_theta(s, at))
        lengths, slopes = torch.zeros_like(clean.values), clean.values.new_full((K, s.directions), torch.nan)

        apart = which and s.noise == "independent"
        for tasks in [[i] for i in range(K)] if apart else [list(range(K))]:
            # ghat_i, the estimate of g_i
            estimates = ESTIMATORS[s.estimator](s, tasks, at) if which else [Estimate(tasks, [], clean.values[0])]
            while estimates:
                group, direction, coefficient, probed = estimates.pop(0)
                # eps_i = rho v_i / ||v_i||, v_i = alpha g_0 + (1 - alpha) ghat_i
                eps = perturbation(s, lead, which, direction, coefficient, theta.home)
                lengths[group] = whole_norm(eps).to(lengths)
                if probed is not None:
                    slopes[group] = probed
                del direction
                own = [n for n, i in enumerate(net.owner) if i in group]
                # the gradient of l_i at theta + eps_i, phi_i + its own eps
                with theta.moved(eps), phi.moved([head_eps[n] for n in own], which=own):
                    del eps
                    perturbed = losses.again(group)
                    if not gathered.add(perturbed, group):
                        losses.not_finite(losses.ranks.mean(detached(perturbed)), group, PERTURBED)
                        return Record(clean.values, finite=False, lengths=lengths, slopes=slopes)
                losses.check_perturbed(perturbed, group)
        found = gathered.finish()  # d = M(g_1^SAM, ..., g_K^SAM)
    if s.along == "deviation":
        method.history.remember_mean(s, net, g0)
    if s.every > 1 and s.reuse > 0:
        method.history.remember_flat(net, g0, h, losses.scale)
    record = Record(clean.values, cosines=found["cosines"], weights=found["weights"])
    return replace(record, lengths=lengths, slopes=slopes if s.probes else None)


def _clean_gradients(
    method: Method, net: Trainable, losses: TaskLosses, clean: First
) -> tuple[Vector, Vector, Jacobian | None]:
    """g_0 and h_i, in one backward pass; or with J [K, P] in one per task."""
    s = method.sharpness
    if s.needs_local and s.estimator == "exact":
        M = method.combine
        J = Rows(net, losses, M, method.generator) if isinstance(M, Decomposition) else Jacobian(net, losses)
        h = J.fill(clean.losses)
        return as_rows(J.J.mean(0), net.shared), h, J
    both = mean_gradient(clean.losses, [*net.shared, *net.own])
    losses.ranks.average_(both)
    both = [g.to(net.dtype) if losses.scale == 1 else g.to(net.dtype) / losses.scale for g in both]
    return both[: len(net.shared)], both[len(net.shared) :], None


def _gathered(
    method: Method, net: Trainable, losses: TaskLosses, values: Tensor, J: Jacobian | None = None
) -> WeightedSum | Rows:
    """Where the step's gradients go."""
    if len(net.tasks) < method.tasks:
        check_subset(method.combine if isinstance(method.combine, Scalarizer) else method.combine.over_tasks)
    if isinstance(method.combine, Scalarizer):
        return weighted(method.combine, net, losses, values, method.generator)
    if isinstance(J, Rows):
        J.decompose()
        return J
    return Rows(net, losses, method.combine, method.generator)


def _shown(net: Trainable, losses: TaskLosses, clean: First, g0: Vector, h: Vector) -> Record:
    """Leave gradients that are not finite in `.grad`, and say so."""
    for p, g in zip([*net.shared, *net.own], [*g0, *h], strict=True):
        fill_grad(p, g.clone())
    return Record(clean.values, finite=False)
