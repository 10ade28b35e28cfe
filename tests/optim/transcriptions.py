"""Each paper's algorithm once more, in float64 and for reading: flat vectors, task after task, no care for speed.

Notation: theta the trunk [P], phi_i head i, l_i the loss of task i, M the aggregator on J [K, P]. A function of a
preset gives v_i, what task i is perturbed along, from the rows of J and the random directions z that are handed in.
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
Along = Callable[["Model", Tensor, Sequence[Tensor]], list[Tensor]]


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


def like_layers_of(model: Model, g0: Tensor, g_hat: Tensor) -> Tensor:
    """g_hat^d ||g0^d|| / ||g_hat^d||, layer by layer; a layer of zeros stays."""
    parts = zip(torch.split(g_hat, model.layers), torch.split(g0, model.layers), strict=True)
    return torch.cat([to_radius(float(own.norm()), part) for part, own in parts])


def each(model: Model, J: Tensor, z: Sequence[Tensor]) -> list[Tensor]:
    """L-SAM and F-MTL: every task along its own gradient."""
    return list(J)


def samo(model: Model, J: Tensor, z: Sequence[Tensor], mu: float = 0.01) -> list[Tensor]:
    """SAMO, section 3: a mix of the mean gradient and each task's SPSA estimate, normalised layer by layer."""
    slopes = []
    for i in range(model.K):
        ahead = model.loss(i, model.theta + mu * z[i], model.phi[i], evaluation=True)
        behind = model.loss(i, model.theta - mu * z[i], model.phi[i], evaluation=True)
        slopes.append((ahead - behind) / (2 * mu))
    return placebo(model, J, [s * z_i for s, z_i in zip(slopes, z, strict=True)])


def sampled(model: Model, J: Tensor, z: Sequence[Tensor]) -> list[Tensor]:
    """Subramani: SAMO's mix on the first, middle and last layer, rho alpha g_0 elsewhere, one norm over the trunk."""
    names = [name.rpartition(".")[0] for name, _ in model.problem.network.trunk.named_parameters()]
    modules = list(dict.fromkeys(names))
    sampled_ = {modules[0], modules[len(modules) // 2], modules[-1]}
    kept = torch.cat([torch.full((n,), m in sampled_) for m, n in zip(names, model.layers, strict=True)])
    # z is drawn on the sampled layers alone
    return samo(model, J, [torch.zeros_like(model.theta).masked_scatter(kept, z_i) for z_i in z])


def placebo(model: Model, J: Tensor, z: Sequence[Tensor], alpha: float = 0.5) -> list[Tensor]:
    """SAMO with a random direction in the place of the estimate; z carries the coin's sign."""
    g0 = J.mean(0)
    return [alpha * g0 + (1 - alpha) * like_layers_of(model, g0, z_i) for z_i in z]


def remembered(model: Model, J: Tensor, z: Sequence[Tensor]) -> list[Tensor]:
    """SAMO with each task's perturbed gradient of the step before in the place of the estimate; g_0 in the first."""
    return placebo(model, J, list(model.memory.get("S", J.mean(0).expand_as(J))))


def friendly(model: Model, J: Tensor, z: Sequence[Tensor], decay: float = 0.9) -> list[Tensor]:
    """Friendly-SAM: along the batch gradient minus its running mean."""
    model.memory["mean"] = decay * model.memory.get("mean", torch.zeros_like(model.theta)) + (1 - decay) * J.mean(0)
    return [J.mean(0) - model.memory["mean"]] * model.K


ALONG: dict[str, Along] = {
    "none": lambda model, J, z: [torch.zeros_like(model.theta)] * model.K,
    # Along the gradient of the mean loss, for all tasks.
    "gsam": lambda model, J, z: [J.mean(0)] * model.K,
    "lsam": each,
    "samo": samo,
    "samo-shared": samo,
    "samo-sampled": sampled,
    "placebo": placebo,
    "samo-remembered": remembered,
    "fmtl": each,
    "fmtl-direct": each,
    "fmtl-second": each,
    "fmtl-each": each,
    # Momentum-SAM: along -m, m the running mean of the applied directions; and along minus the last of them.
    "msam": lambda model, J, z: [-model.memory.get("m", torch.zeros_like(model.theta))] * model.K,
    "lookback": lambda model, J, z: [-model.memory.get("d", torch.zeros_like(model.theta))] * model.K,
    "friendly": friendly,
}
COMBINED: dict[str, Callable[[Aggregate, Tensor, Tensor], Tensor]] = {
    "fmtl": lambda M, J, S: M(J) + M(S - J),  # algorithm 1: loss and flat gradients aggregated apart
    "fmtl-second": lambda M, J, S: M(torch.stack([M(J), M(S - J)])),  # M once more over the two directions
    "fmtl-each": lambda M, J, S: M(torch.stack([M(torch.stack([g, s - g])) for g, s in zip(J, S, strict=True)])),
}
"""What is made of the loss gradients J and the perturbed ones S, where it is not M(S)."""
UNMOVED = ("none", "msam", "lookback")
"""Those that leave the heads where they are."""


def step(name: str, model: Model, M: Aggregate, rho: float, z: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """The trunk's direction and the heads' gradients: task i's at theta + rho v_i / ||v_i||, head i's ball apart."""
    J, h = model.clean()
    eps = [to_radius(rho, v) for v in ALONG[name](model, J, z)]
    S, heads = model.perturbed(eps, [to_radius(0.0 if name in UNMOVED else rho, h_i) for h_i in h])
    d = COMBINED[name](M, J, S) if name in COMBINED else M(S)
    model.memory["m"] = 0.9 * model.memory.get("m", torch.zeros_like(d)) + 0.1 * d
    model.memory["d"], model.memory["S"] = d, S
    return d, heads
