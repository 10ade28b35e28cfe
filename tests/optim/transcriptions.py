"""Each paper's algorithm once more, in float64 and for reading: flat vectors, task after task, no care for speed.

Notation: theta the trunk [P], phi_i head i, l_i the loss of task i, M the aggregator on J [K, P]. Every function is one
step: it takes the model and returns the trunk's direction and the heads' gradients. Random directions z are handed in.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn.utils import parameters_to_vector

from tests.problems import Problem

Aggregate = Callable[[Tensor], Tensor]
Step = tuple[Tensor, list[Tensor]]


@dataclass
class Model:
    """The losses as functions of flat vectors; the network, its statistics and the random stream are never touched."""

    problem: Problem
    memory: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        network = self.problem.network
        self.random = torch.get_rng_state()
        self.theta = parameters_to_vector(network.trunk.parameters()).detach()
        self.phi = [parameters_to_vector(head.parameters()).detach() for head in network.heads]
        self.layers = [p.numel() for p in network.trunk.parameters()]
        self.K = len(self.phi)
        self.network = copy.deepcopy(network)
        with torch.no_grad():
            self.network(self.problem.x, range(self.K))  # the clean pass, that moves BatchNorm's statistics once
        torch.set_rng_state(self.random)

    def loss(self, i: int, theta: Tensor, phi: Tensor, *, evaluation: bool = False) -> Tensor:
        """l_i(theta, phi_i), under the dropout mask of the step; `evaluation`: running statistics, no dropout."""
        network = self.network.train(not evaluation)
        tensors = {name: buffer.clone() for name, buffer in network.named_buffers()}
        for prefix, module, flat in (("trunk.", network.trunk, theta), (f"heads.{i}.", network.heads[i], phi)):
            named = list(module.named_parameters())
            for (name, p), part in zip(named, torch.split(flat, [p.numel() for _, p in named]), strict=True):
                tensors[prefix + name] = part.view(p.shape)
        torch.set_rng_state(self.random)
        return self.problem.losses(functional_call(network, tensors, (self.problem.x, [i])), [i])[0]

    def gradients(self, i: int, theta: Tensor, phi: Tensor) -> tuple[Tensor, Tensor]:
        """g_i and h_i, the gradients of l_i in theta and phi_i."""
        theta, phi = theta.clone().requires_grad_(), phi.clone().requires_grad_()
        g, h = torch.autograd.grad(self.loss(i, theta, phi), (theta, phi))
        return g, h

    def clean(self) -> tuple[Tensor, list[Tensor]]:
        """J at the weights as they are, and the heads' gradients."""
        both = [self.gradients(i, self.theta, self.phi[i]) for i in range(self.K)]
        return torch.stack([g for g, _ in both]), [h for _, h in both]

    def perturbed(self, eps: Sequence[Tensor], head_eps: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """J and the heads' gradients, task i's taken at theta + eps_i, phi_i + its own."""
        both = [self.gradients(i, self.theta + eps[i], self.phi[i] + head_eps[i]) for i in range(self.K)]
        return torch.stack([g for g, _ in both]), [h for _, h in both]


def to_radius(rho: float, v: Tensor) -> Tensor:
    """v at the length rho."""
    return rho * v / v.norm() if v.norm() > 0 else torch.zeros_like(v)


def none(model: Model, M: Aggregate, rho: float, z: Sequence[Tensor]) -> Step:
    """theta <- theta - eta M(g_1..g_K); each head follows its own loss."""
    J, h = model.clean()
    return M(J), h


def gsam(model: Model, M: Aggregate, rho: float, z: Sequence[Tensor]) -> Step:
    """G-SAM: one perturbation, along the gradient of the mean loss, for all tasks."""
    J, h = model.clean()
    eps = to_radius(rho, J.mean(0))
    S, h = model.perturbed([eps] * model.K, [to_radius(rho, h_i) for h_i in h])
    return M(S), h


def lsam(model: Model, M: Aggregate, rho: float, z: Sequence[Tensor]) -> Step:
    """L-SAM: every task perturbed along its own gradient. This is F-MTL's ablation "direct"."""
    J, h = model.clean()
    S, h = model.perturbed([to_radius(rho, g) for g in J], [to_radius(rho, h_i) for h_i in h])
    return M(S), h


def samo(model: Model, M: Aggregate, rho: float, z: Sequence[Tensor], alpha: float = 0.5, mu: float = 0.01) -> Step:
    """SAMO, section 3: a mix of the mean gradient and each task's SPSA estimate, normalised layer by layer."""
    J, h = model.clean()
    g0 = J.mean(0)
    eps = []
    for i in range(model.K):
        ahead = model.loss(i, model.theta + mu * z[i], model.phi[i], evaluation=True)
        behind = model.loss(i, model.theta - mu * z[i], model.phi[i], evaluation=True)
        g_hat = (ahead - behind) / (2 * mu) * z[i]
        eps.append(to_radius(rho, alpha * g0 + (1 - alpha) * like_layers_of(model, g0, g_hat)))
    S, h = model.perturbed(eps, [to_radius(rho, h_i) for h_i in h])
    return M(S), h


def like_layers_of(model: Model, g0: Tensor, g_hat: Tensor) -> Tensor:
    """g_hat^d ||g0^d|| / ||g_hat^d||, layer by layer; a layer of zeros stays."""
    parts = zip(torch.split(g_hat, model.layers), torch.split(g0, model.layers), strict=True)
    return torch.cat([to_radius(float(own.norm()), part) for part, own in parts])


def sampled(model: Model, M: Aggregate, rho: float, z: Sequence[Tensor]) -> Step:
    """Subramani: SAMO's mix on the first, middle and last layer, rho alpha g_0 elsewhere, one norm over the trunk."""
    names = [name.rpartition(".")[0] for name, _ in model.problem.network.trunk.named_parameters()]
    modules = list(dict.fromkeys(names))
    sampled_ = {modules[0], modules[len(modules) // 2], modules[-1]}
    kept = torch.cat([torch.full((n,), float(m in sampled_)) for m, n in zip(names, model.layers, strict=True)])
    chosen = []
    for z_i in z:  # drawn on the sampled layers alone
        full = torch.zeros_like(model.theta)
        full[kept.bool()] = z_i
        chosen.append(full)
    return samo(model, M, rho, chosen)


def placebo(model: Model, M: Aggregate, rho: float, z: Sequence[Tensor], alpha: float = 0.5) -> Step:
    """SAMO with a random direction in the place of the estimate; z carries the coin's sign."""
    J, h = model.clean()
    g0 = J.mean(0)
    eps = [to_radius(rho, alpha * g0 + (1 - alpha) * like_layers_of(model, g0, z_i)) for z_i in z]
    S, h = model.perturbed(eps, [to_radius(rho, h_i) for h_i in h])
    return M(S), h


def fmtl(model: Model, M: Aggregate, rho: float, z: Sequence[Tensor]) -> Step:
    """F-MTL, algorithm 1: loss and flat gradients aggregated apart."""
    J, h = model.clean()
    S, h = model.perturbed([to_radius(rho, g) for g in J], [to_radius(rho, h_i) for h_i in h])
    return M(J) + M(S - J), h


def fmtl_second(model: Model, M: Aggregate, rho: float, z: Sequence[Tensor]) -> Step:
    """F-MTL, second aggregation: M once more over the two directions."""
    J, h = model.clean()
    S, h = model.perturbed([to_radius(rho, g) for g in J], [to_radius(rho, h_i) for h_i in h])
    return M(torch.stack([M(J), M(S - J)])), h


def fmtl_each(model: Model, M: Aggregate, rho: float, z: Sequence[Tensor]) -> Step:
    """F-MTL, each aggregation: M within every task over its loss and flat gradient, then over tasks."""
    J, h = model.clean()
    S, h = model.perturbed([to_radius(rho, g) for g in J], [to_radius(rho, h_i) for h_i in h])
    return M(torch.stack([M(torch.stack([g, s - g])) for g, s in zip(J, S, strict=True)])), h


def msam(model: Model, M: Aggregate, rho: float, z: Sequence[Tensor], decay: float = 0.9) -> Step:
    """Momentum-SAM: at theta - rho m / ||m||, m the running mean of the applied directions."""
    m = model.memory.get("m", torch.zeros_like(model.theta))
    S, h = model.perturbed([to_radius(rho, -m)] * model.K, [torch.zeros_like(phi) for phi in model.phi])
    d = M(S)
    model.memory["m"] = decay * m + (1 - decay) * d
    return d, h


def lookback(model: Model, M: Aggregate, rho: float, z: Sequence[Tensor]) -> Step:
    """At theta - rho d' / ||d'||, d' the direction that the last step applied."""
    last = model.memory.get("d", torch.zeros_like(model.theta))
    S, h = model.perturbed([to_radius(rho, -last)] * model.K, [torch.zeros_like(phi) for phi in model.phi])
    model.memory["d"] = M(S)
    return M(S), h


def friendly(model: Model, M: Aggregate, rho: float, z: Sequence[Tensor], decay: float = 0.9) -> Step:
    """Friendly-SAM: along the batch gradient minus its running mean."""
    J, h = model.clean()
    m = decay * model.memory.get("m", torch.zeros_like(model.theta)) + (1 - decay) * J.mean(0)
    model.memory["m"] = m
    S, h = model.perturbed([to_radius(rho, J.mean(0) - m)] * model.K, [to_radius(rho, h_i) for h_i in h])
    return M(S), h


TRANSCRIPTIONS = {
    "none": none,
    "gsam": gsam,
    "lsam": lsam,
    "samo": samo,
    "samo-shared": samo,
    "samo-sampled": sampled,
    "placebo": placebo,
    "fmtl": fmtl,
    "fmtl-direct": lsam,
    "fmtl-second": fmtl_second,
    "fmtl-each": fmtl_each,
    "msam": msam,
    "lookback": lookback,
    "friendly": friendly,
}
