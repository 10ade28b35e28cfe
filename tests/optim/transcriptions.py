"""Each paper's algorithm once more, in float64 and for reading: flat vectors, task after task, no care for speed.

Notation: theta the trunk [P], phi_i head i, l_i the loss of task i, M the aggregator on J [K, P]. A function of a
preset gives v_i, what task i is perturbed along, from the rows of J and its random directions z_i [Q, P].
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn.functional import cosine_similarity, normalize
from torch.nn.utils import parameters_to_vector
from torchjd.aggregation import Aggregator

from tests.problems import Problem

Aggregate = Callable[[Tensor], Tensor]
Along = Callable[["Model", Tensor, Sequence[Tensor], SimpleNamespace], list[Tensor]]
FIELDS: dict[str, Any] = {"mu": 0.01, "alpha": 0.5, "decay": 0.9, "memory_decay": 0.0, "every": 1, "reuse": 0.7}
FIELDS |= {"estimator": "spsa", "normalise": "layer", "probe": "central", "probe_statistics": "running", "sign": -1}
FIELDS |= {"adaptive": False, "ball": "trunk", "head_rho": None, "rescale": False}


@dataclass
class Model:
    """The losses as functions of flat vectors; the network, its statistics and the random stream are never touched."""

    problem: Problem
    memory: dict[str, Any] = field(default_factory=dict)
    slopes: Tensor | None = None
    alphas: Tensor | None = None

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

    def at(self, eps: Sequence[Any], head_eps: Sequence[Any]) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Losses, J and the heads' gradients, task i's taken at theta + eps_i, phi_i + its own."""
        losses, J, h = [], [], []
        for i in range(self.K):
            theta, phi = (self.theta + eps[i]).requires_grad_(), (self.phi[i] + head_eps[i]).requires_grad_()
            losses.append(self.loss(i, theta, phi))
            J.append(torch.autograd.grad(losses[i], theta, retain_graph=True)[0])
            h.append(torch.autograd.grad(losses[i], phi)[0])
        return torch.stack(losses).detach(), torch.stack(J), h


def to_radius(rho: float, v: Tensor) -> Tensor:
    """v at the length rho."""
    return rho * v / v.norm() if v.norm() > 0 else torch.zeros_like(v)


def in_ball(rho: float, v: Tensor, theta: Tensor, layers: Sequence[int], o: SimpleNamespace) -> Tensor:
    """rho v / ||v||, or ASAM's rho theta^2 v / || |theta| v ||, with one norm or one a layer."""
    scale = theta.abs() if o.adaptive else torch.ones_like(theta)
    sizes = list(layers) if o.ball == "layer" else [len(v)]
    return scale * torch.cat([to_radius(rho, part) for part in torch.split(scale * v, sizes)])


def like_layers_of(model: Model, g0: Tensor, g_hat: Tensor) -> Tensor:
    """g_hat^d ||g0^d|| / ||g_hat^d||, layer by layer; a layer of zeros stays."""
    parts = zip(torch.split(g_hat, model.layers), torch.split(g0, model.layers), strict=True)
    return torch.cat([to_radius(float(own.norm()), part) for part, own in parts])


def mixed(model: Model, J: Tensor, local: Sequence[Tensor], o: SimpleNamespace) -> list[Tensor]:
    """alpha g_0 + (1 - alpha) g_hat_i, g_hat_i resized as g_0; an adaptive alpha goes by task i's known gradient."""
    g0, known = J.mean(0), J if o.estimator == "exact" else model.memory.get("S")
    model.alphas = torch.full((model.K,), 0.5 if o.alpha == "adaptive" else o.alpha, dtype=J.dtype)
    if o.alpha == "adaptive" and known is not None:
        model.alphas = (1 + cosine_similarity(known, g0[None])) / 2
    resized: Mapping[str, Callable[[Tensor], Tensor]] = {
        "none": lambda g_hat: g_hat,
        "global": lambda g_hat: to_radius(float(g0.norm()), g_hat),
        "layer": lambda g_hat: like_layers_of(model, g0, g_hat),
    }
    return [a * g0 + (1 - a) * resized[o.normalise](g_hat) for a, g_hat in zip(model.alphas, local, strict=True)]


def each(model: Model, J: Tensor, z: Sequence[Tensor], o: SimpleNamespace) -> list[Tensor]:
    """L-SAM and F-MTL: every task along its own gradient."""
    return list(J)


def samo(model: Model, J: Tensor, z: Sequence[Tensor], o: SimpleNamespace) -> list[Tensor]:
    """SAMO, section 3: a mix of the mean gradient and each task's SPSA estimate, normalised layer by layer."""
    if o.estimator == "exact":
        return mixed(model, J, list(J), o)
    running, back = o.probe_statistics == "running", o.mu if o.probe == "central" else 0.0

    def slope(i: int, z_q: Tensor) -> Tensor:
        ahead = model.loss(i, model.theta + o.mu * z_q, model.phi[i], evaluation=running)
        behind = model.loss(i, model.theta - back * z_q, model.phi[i], evaluation=running)
        return (ahead - behind) / float(o.mu + back)

    model.slopes = torch.stack([torch.stack([slope(i, z_q) for z_q in z_i]) for i, z_i in enumerate(z)])
    return mixed(model, J, [(s[:, None] * z_i).mean(0) for s, z_i in zip(model.slopes, z, strict=True)], o)


def sampled(model: Model, J: Tensor, z: Sequence[Tensor], o: SimpleNamespace) -> list[Tensor]:
    """Subramani: SAMO's mix on the first, middle and last layer, rho alpha g_0 elsewhere, one norm over the trunk."""
    names = [name.rpartition(".")[0] for name, _ in model.problem.network.trunk.named_parameters()]
    modules = list(dict.fromkeys(names))
    sampled_ = {modules[0], modules[len(modules) // 2], modules[-1]}
    kept = torch.cat([torch.full((n,), m in sampled_) for m, n in zip(names, model.layers, strict=True)])
    # z is drawn on the sampled layers alone
    return samo(model, J, [torch.zeros_like(model.theta).masked_scatter(kept, z_i)[None] for z_i in z], o)


def placebo(model: Model, J: Tensor, z: Sequence[Tensor], o: SimpleNamespace) -> list[Tensor]:
    """SAMO with a random direction in the place of the estimate; z carries the coin's sign."""
    return mixed(model, J, [z_i.mean(0) for z_i in z], o)


def remembered(model: Model, J: Tensor, z: Sequence[Tensor], o: SimpleNamespace) -> list[Tensor]:
    """SAMO with each task's perturbed gradient of the step before in the place of the estimate; g_0 in the first."""
    return mixed(model, J, list(model.memory.get("S", J.mean(0).expand_as(J))), o)


def friendly(model: Model, J: Tensor, z: Sequence[Tensor], o: SimpleNamespace) -> list[Tensor]:
    """Friendly-SAM: along the batch gradient minus its running mean."""
    before = model.memory.get("mean", torch.zeros_like(model.theta))
    model.memory["mean"] = o.decay * before + (1 - o.decay) * J.mean(0)
    return [J.mean(0) - model.memory["mean"]] * model.K


ALONG: dict[str, Along] = {
    "none": lambda model, J, z, o: [torch.zeros_like(model.theta)] * model.K,
    # G-SAM: along the gradient of the mean loss, for all tasks.
    "gsam": lambda model, J, z, o: [J.mean(0)] * model.K,
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
    "msam": lambda model, J, z, o: [o.sign * model.memory.get("m", torch.zeros_like(model.theta))] * model.K,
    "lookback": lambda model, J, z, o: [o.sign * model.memory.get("d", torch.zeros_like(model.theta))] * model.K,
    "friendly": friendly,
}
COMBINED: dict[str, Callable[[Aggregate, Tensor, Tensor], Tensor]] = {
    "fmtl": lambda M, J, S: M(J) + M(S - J),  # algorithm 1: loss and flat gradients aggregated apart
    "fmtl-second": lambda M, J, S: M(torch.stack([M(J), M(S - J)])),  # M once more over the two directions
    "fmtl-each": lambda M, J, S: M(torch.stack([M(torch.stack([g, s - g])) for g, s in zip(J, S, strict=True)])),
}
"""What is made of the loss gradients J and the perturbed ones S, where it is not M(S)."""
UNMOVED = ("none", "msam", "lookback")
"""Those that leave the heads where they are, and make no pass at theta."""


class Step(NamedTuple):
    """What a step finds: the trunk's direction, the heads' gradients, and what its record says."""

    direction: Tensor
    heads: list[Tensor]
    losses: Tensor
    lengths: Tensor
    cosines: Tensor | None
    weights: Tensor | None


def step(name: str, model: Model, M: Any, rho: float, z: Sequence[Tensor], **fields: Any) -> Step:
    """One step: task i's gradients at theta + rho v_i / ||v_i||, with head i in a ball of its own.

    M is an aggregator, or takes the losses of the first pass: then its derivative by each weighs that task.
    """
    o, memory, K = SimpleNamespace(**FIELDS | fields), model.memory, model.K
    memory["steps"] = memory.get("steps", -1) + 1
    plain = memory["steps"] % o.every > 0
    clean, J, h = model.at([0.0] * K, [0.0] * K)
    head_rho = 0.0 if plain or name in UNMOVED else rho if o.head_rho is None else o.head_rho
    eps = [in_ball(rho, v, model.theta, model.layers, o) for v in ALONG["none" if plain else name](model, J, z, o)]
    head_eps = [in_ball(head_rho, own, phi, [len(phi)], o) for own, phi in zip(h, model.phi, strict=True)]
    perturbed, S, heads = model.at(eps, head_eps)
    losses, cosines, weights = perturbed if name in UNMOVED else clean, None, None
    if isinstance(M, Aggregator):
        A = M if not o.rescale else lambda rows: to_radius(float(rows.mean(0).norm()), M(rows))
        d = COMBINED[name](A, J, S) if name in COMBINED and not plain else A(S)
        rows = normalize(J if name in COMBINED else S)
        cosines = rows @ rows.T
    else:
        weights = torch.autograd.functional.jacobian(M, losses)
        d, heads = weights @ S, [w * own for w, own in zip(weights, heads, strict=True)]
    if plain:  # LookSAM, algorithm 1
        both = zip([d, *heads], memory["flat"], strict=True)
        d, *heads = [v + o.reuse * to_radius(float(v.norm()), flat) for v, flat in both]
    elif o.every > 1:
        both = zip([d, *heads], [J.mean(0), *h], strict=True)
        memory["flat"] = [v - (v @ g) / (g @ g) * g for v, g in both]
    memory["m"] = o.decay * memory.get("m", torch.zeros_like(d)) + (1 - o.decay) * d
    memory["S"] = S if "S" not in memory else o.memory_decay * memory["S"] + (1 - o.memory_decay) * S
    memory["d"] = d
    return Step(d, heads, losses, torch.stack([e.norm() for e in eps]), cosines, weights)
