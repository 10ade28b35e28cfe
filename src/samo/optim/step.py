"""One step: where the weights are moved, the gradients found there, and the direction made from them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torchjd.scalarization import Scalarizer

from samo.aggregation import check_subset, load_state, loss_weights, state
from samo.optim.closures import First, TaskLosses, detached
from samo.optim.estimators import ESTIMATORS, AtTheta, Estimate, losses_at_theta
from samo.optim.gradients import Decomposition, Rows, WeightedSum
from samo.optim.history import History
from samo.optim.jacobian import as_rows, mean_gradient
from samo.optim.parameters import Trainable, fill_grad, widest
from samo.optim.perturbation import Vector, Weights, all_finite, perturbation, to_radius_, whole_norm
from samo.optim.random_state import draw_seeds, seeded
from samo.optim.sharpness import Sharpness


@dataclass
class Method:
    """What steps follow, and what they remember.

    `layers` are the names of the trunk's tensors that get a local perturbation, `tasks` is K, `steps`
    how many were made.
    """

    sharpness: Sharpness
    combine: Scalarizer | Decomposition
    layers: frozenset[str]
    tasks: int
    generator: torch.Generator
    history: History = field(default_factory=History)
    steps: int = 0

    @property
    def aggregators(self) -> Sequence[nn.Module]:
        """Everything that may have a running state, in a fixed order."""
        return self.combine.aggregators if isinstance(self.combine, Decomposition) else [self.combine]

    def state_dict(self) -> dict[str, Any]:
        """All that the next step reads."""
        return {
            "steps": self.steps,
            "generator": self.generator.get_state(),
            "layers": sorted(self.layers),
            "history": self.history.state_dict(),
            "aggregators": [state(aggregator) for aggregator in self.aggregators],
        }

    def load_state_dict(self, kept: Mapping[str, Any], trunk: Collection[str], device: torch.device) -> None:
        """Put back what `state_dict` gave, for a trunk with these parameters on this device.

        Raises:
            ValueError: it was saved with another aggregator, trunk or number of tasks.
        """
        if len(kept["aggregators"]) != len(self.aggregators):
            raise ValueError("the state is that of another decomposition")
        if unknown := set(kept["layers"]) - set(trunk):
            raise ValueError(f"the state is that of another trunk: it has no {min(unknown)}")
        if len(kept["generator"]) != len(self.generator.get_state()):
            raise ValueError(f"the state's generator is of another kind of device than {self.generator.device}")
        for aggregator, own in zip(self.aggregators, kept["aggregators"], strict=True):
            load_state(aggregator, own, device)
        self.steps, self.layers = kept["steps"], frozenset(kept["layers"])
        self.generator.set_state(kept["generator"].cpu())
        self.history.load_state_dict(kept["history"])


@dataclass(frozen=True)
class Record:
    """What one step found, for logging; tensors without a graph, where the step was made.

    Attributes:
        losses: of the first pass, [K], in the unit of the closure's losses; NaN for a task left out.
        finite: whether every gradient was finite. If not, `.grad` shows it and none of the gradients was remembered.
        cosines: pairwise, [K, K], of the task gradients that were aggregated (F-MTL: of the loss gradients); None
            under a scalariser or an aggregator that takes no Gramian.
        weights: of the tasks in the direction, [K]: a scalariser's derivatives or an aggregator's weights, else None.
        lengths: of each task's perturbation of the trunk, [K], in the weights' unit; None where nothing was perturbed.
        slopes: of each task's loss along its probe directions, [K, directions], in the unit of loss over weight; None
            without a probe.
        alphas: each task's weight of g_0, [K], where alpha is adaptive.
    """

    losses: Tensor
    finite: bool = True
    cosines: Tensor | None = None
    weights: Tensor | None = None
    lengths: Tensor | None = None
    slopes: Tensor | None = None
    alphas: Tensor | None = None

    def widened(self, places: Sequence[int], tasks: int) -> "Record":
        """The record of some tasks extended to all, with NaN for the others."""
        if len(places) == tasks:
            return self
        wide: dict[str, Any] = {}
        for name, found in vars(self).items():
            if isinstance(found, Tensor):
                square = name == "cosines"
                wide[name] = found.new_full((tasks, tasks) if square else (tasks, *found.shape[1:]), torch.nan)
                at = torch.tensor(places, device=found.device)
                wide[name][(at[:, None], at) if square else at] = found
        return replace(self, **wide)


@torch.no_grad()
def step(method: Method, net: Trainable, losses: TaskLosses) -> Record:
    """One step's gradients, in `.grad`: perturbed as the sharpness says, or plain."""
    s, history = method.sharpness, method.history
    if not s.moves or method.steps % s.every:
        record = plain_step(method, net, losses)
        if record.finite and s.moves and s.reuse > 0 and history.has("flat trunk"):
            history.reuse_flat(s, net)
    elif s.from_history:  # earlier steps determine the perturbation
        along = list(torch._foreach_mul(history.get(s.along, net.trunk), s.sign))
        eps = to_radius_(along, net.shared, s.rho, s.adaptive, s.ball)
        length = whole_norm(eps)
        with Weights(net.shared).moved(eps):
            record = plain_step(method, net, losses)
        record = replace(record, lengths=length.to(record.losses).expand_as(record.losses))
    else:
        record = sharp_step(method, net, losses)
    if record.finite and s.moves and s.from_history:
        history.remember_direction(s, net, losses.scale)
    method.steps += 1
    return record


def plain_step(method: Method, net: Trainable, losses: TaskLosses) -> Record:
    """One pass for all tasks at the current weights, its gradients aggregated."""
    clean = losses.first()
    net, tasks = net.only(clean.places), range(len(clean.places))
    with losses.without_trace():
        gathered = _gathered(method, net, losses, clean.values, sharp=False)
        finite = gathered.add(clean.losses, tasks)
        losses.check(clean.values, tasks, gradient=finite)
        return Record(clean.values, True, *gathered.finish()) if finite else Record(clean.values, finite=False)


def sharp_step(method: Method, net: Trainable, losses: TaskLosses) -> Record:
    """SAMO's algorithm (ICCV 2025, section 3) for its whole family; theta is the trunk, phi_i head i, l_i its loss.

    G-SAM has no local part; F-MTL (arXiv 2211.13723, algorithm 1) has exact ones and aggregates losses and flatness
    separately. Tasks with the same perturbation share a pass.
    """
    s, clean = method.sharpness, losses.first(replayed=True)  # l_i(theta, phi_i)
    net, K = net.only(clean.places), len(clean.places)
    with losses.without_trace():
        # g_0, the gradient of the mean loss in theta; h_i, of l_i in phi_i; and g_i in theta where ghat_i is exact
        g0, h, J = _clean_gradients(method, net, losses, clean)
        finite = all_finite(g0, h)
        losses.check(clean.values, range(K), gradient=finite)
        if not finite:
            for p, g in zip([*net.shared, *net.own], [*g0, *h], strict=True):
                fill_grad(p, g.clone())
            return Record(clean.values, finite=False)
        gathered = _gathered(method, net, losses, clean.values, J)
        lead = method.history.without_mean(s, net, g0) if s.along == "deviation" else g0

        theta, phi = Weights(net.shared), Weights(net.own)
        head_eps = to_radius_([g.clone() for g in h], phi.home, s.head_radius, s.adaptive, net.owner)
        which = [d for d, name in enumerate(net.trunk) if name in method.layers] if s.needs_local else []
        # what is known of each g_i: itself, or what is remembered of it
        known = J.views() if J is not None else method.history.gradients(net) if s.remembers else ()
        at = AtTheta(losses, theta, which, method.generator, clean.values, known, g0)
        at = replace(at, at_theta=losses_at_theta(s, at))
        lengths, slopes = torch.zeros_like(clean.values), clean.values.new_full((K, s.directions), torch.nan)
        alphas = torch.full_like(clean.values, s.global_weight)

        apart = which and s.noise == "independent"
        for tasks in [[i] for i in range(K)] if apart else [list(range(K))]:
            # ghat_i, the estimate of g_i
            estimates = ESTIMATORS[s.estimator](s, tasks, at) if which else [Estimate(tasks, [], clean.values[0])]
            while estimates:
                group, direction, coefficient, probed = estimates.pop(0)
                # eps_i = rho v_i / ||v_i||, v_i = alpha g_0 + (1 - alpha) ghat_i
                alpha = at.agreement(group[0]) if s.adapts and which else None
                eps = perturbation(s, lead, which, direction, coefficient, theta.home, alpha)
                if alpha is not None:
                    alphas[group] = alpha.to(alphas)
                lengths[group] = whole_norm(eps).to(lengths)
                if probed is not None:
                    slopes[group] = probed
                del direction
                own = [n for n, i in enumerate(net.owner) if i in group]
                # the gradient of l_i at theta + eps_i, phi_i + its own eps
                with theta.moved(eps), phi.moved([head_eps[n] for n in own], which=own):
                    del eps
                    perturbed = losses.again(group)
                    with losses.backward():
                        finite = gathered.add(perturbed, group)
                values = losses.ranks.mean(detached(perturbed))
                losses.check(values, group, gradient=finite, where=" in a perturbed pass")
                if not finite:
                    return Record(clean.values, finite=False, lengths=lengths, slopes=slopes)
        found = gathered.finish()  # d = M(g_1^SAM, ..., g_K^SAM)
    if s.along == "deviation":
        method.history.take_in("deviation", net.trunk, g0, s.decay)
    if s.remembers:
        method.history.remember_gradients(s, net, gathered.views() if isinstance(gathered, Rows) else ())
    if s.every > 1 and s.reuse > 0:
        method.history.remember_flat(net, g0, h, losses.scale)
    record = Record(clean.values, True, *found, lengths=lengths, slopes=slopes if s.probes else None)
    return replace(record, alphas=alphas if s.adapts else None)


def _clean_gradients(
    method: Method, net: Trainable, losses: TaskLosses, clean: First
) -> tuple[Vector, Vector, Rows | None]:
    """g_0 and h_i, in one backward pass; or with J [K, P] in one per task."""
    s = method.sharpness
    if s.needs_local and s.estimator == "exact":
        J = Rows(net, losses)
        h = J.fill(clean.losses)
        return as_rows(J.J.mean(0), net.shared), h, J
    both, dtype = mean_gradient(clean.losses, [*net.shared, *net.own]), widest(net.shared)
    losses.ranks.average_(both)
    both = [g.to(dtype) if losses.scale == 1 else g.to(dtype) / losses.scale for g in both]
    return both[: len(net.shared)], both[len(net.shared) :], None


def _gathered(
    method: Method, net: Trainable, losses: TaskLosses, values: Tensor, J: Rows | None = None, *, sharp: bool = True
) -> WeightedSum | Rows:
    """Where the step's gradients go."""
    M = method.combine
    if len(net.tasks) < method.tasks:
        check_subset(method.aggregators[0])
    if isinstance(M, Scalarizer):
        with seeded(draw_seeds(1, method.generator)[0], values.device):
            # A scalariser would remember what is not finite; what becomes of the step, the gradient decides.
            finite = bool(torch.isfinite(values).all())
            weights = loss_weights(M, values, net.tasks) if finite else torch.ones_like(values)
        return Rows(net, losses, weights) if sharp and method.sharpness.remembers else WeightedSum(net, losses, weights)
    if J is None:
        return Rows(net, losses, M)
    J.decompose(M)
    return J
