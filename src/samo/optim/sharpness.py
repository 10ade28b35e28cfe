"""How far, in which direction and for which tasks the weights are moved before the gradients are taken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin, get_type_hints

Layers = str | int | tuple[str | int, ...]
Normalise = Literal["none", "layer", "global"]
Distribution = Literal["normal", "rademacher", "low-rank"]
Decompose = Literal["direct", "separate", "second", "each"]
Ball = Literal["trunk", "layer"]


@dataclass(frozen=True)
class Sharpness:
    """One member of the family; `preset` names the papers' own.

    With g_0 the trunk gradient of the mean loss and ghat_i a local estimate of task i's own, task i's gradient is
    taken at theta + eps_i, eps_i = rho v_i / ||v_i||, v_i = alpha g_0 + (1 - alpha) ghat_i (SAMO, ICCV 2025,
    section 3). Each head moves by its own exact gradient, in a ball of its own.

    Args:
        rho: radius of the trunk's ball, in the weights' own unit; 0 moves nothing.
        scope: whose gradient leads: `global` g_0 for every task (alpha = 1), `local` each task's own (alpha = 0),
            `joint` the mix above, `none` no perturbation.
        alpha: weight of g_0 under scope `joint`, in [0, 1], or `adaptive`: alpha_i = (1 + cos(m_i, g_0)) / 2, m_i the
            remembered gradient of task i (its exact gradient under `exact`), 0.5 where nothing is remembered. Where
            m_i agrees with g_0 the global part suffices; elsewhere the local part gets more weight. The official SAMO
            code's beta is 1 - alpha.
        estimator: where ghat_i comes from: `spsa` forward passes only, `exact` a backward pass per task, `random` a
            random direction with a coin flip for its sign (the placebo of spsa), `remembered` m_i, at no pass (g_0
            before there is one), `guided` spsa whose direction lies half in the span of all m_i (Maheswaranathan et
            al. 2019): z = (normal + sqrt(P / k) U e) / sqrt(2), U an orthonormal basis of their k dimensions.
        memory_decay: m_i is task i's own gradient of the trunk as the last sharp step found it, at its perturbed
            point; with d > 0 their running mean, m_i <- d m_i + (1 - d) of the last. K vectors are kept.
        mu: length of a probe's step, in units of a standard normal direction. A guided one moves about sqrt(P / 2k) mu
            along what is remembered, where losses bend: there 0.01 is long (on LeNet a third of its signs are wrong).
        normalise: ghat_i is scaled to g_0's norm tensor by tensor (`layer`, the SAMO paper), as a whole (`global`),
            or left as it is (`none`, the official NYUv2 script; L-SAM and F-MTL, which have no g_0 in v_i).
        noise: `independent` random directions per task, or one `shared` by all: when normalised, tasks then differ
            only in the sign of their slope, and two perturbed points serve them all.
        directions: probe directions per task, averaged.
        distribution: of a probe direction's coordinates, `normal`, `rademacher` (cheaper to draw), or `low-rank`: a
            matrix, or a kernel as [out, rest], gets U V^T / sqrt(rank) of normal U and V (LOZO, Chen et al. 2024), of
            unit variance, too; vectors stay normal.
        rank: of the low-rank directions.
        probe: `central` difference, or `one-sided` against the loss at theta. One-sided takes that loss from the
            clean pass where `probe_statistics` is batch, and from one extra pass for all tasks where it is running.
        probe_statistics: BatchNorm and dropout in a probe: `running`, evaluation mode as in the official code, or
            `batch`, training mode as in the other passes.
        layers: tensors of the trunk that get the local part; the others get alpha g_0 (Subramani's sampled layers).
            "all", or one or more of: an index, a name pattern, "first", "middle", "last", "random:N" (drawn once, when
            the update is made), "@FILE" with a JSON list.
        ball: one norm over the whole `trunk`, or every `layer` (tensor) in a ball of its own of radius rho.
        adaptive: ASAM's ellipsoid: eps = rho theta^2 v / || |theta| v || (Kwon et al. 2021, equation 8).
        head_rho: radius of each head's ball; None takes rho.
        decompose: what is aggregated, M the aggregator, s_i the gradient at the perturbed point (F-MTL, section 4):
            `direct` M(s), `separate` M(g) + M(s - g), `second` M({M(g), M(s - g)}), `each` M({M({g_i, s_i - g_i})}).
        rescale: whether each M(.) is scaled to the length of the mean of its rows, so that an aggregator whose length
            scales with another power of theirs (FairGrad: -1/3 at its alpha 2) does not thereby weigh loss against
            flatness.
        along: what replaces g_0 under scope `global`: `deviation` g_0 minus its running mean (Friendly-SAM, Li et
            al. 2024, equation 9), `momentum` the running mean of the applied trunk directions (Momentum-SAM, Becker et
            al. 2024), `previous` the last of them. These two need no clean pass: the heads stay where they are, and
            the losses returned are those at the perturbed point.
        sign: for `momentum` and `previous`: -1 looks ahead to where the trunk is going, as Momentum-SAM's own code and
            Nesterov's gradient do; 1 looks back up the slope, as SAM does.
        decay: of the running means, in [0, 1).
        every: sharpness at every k-th step only; the steps between are plain, plus the flat component (`reuse`).
        reuse: LookSAM's alpha: a plain step's direction d gets reuse ||d|| / ||f|| f, f the last perturbed direction's
            part orthogonal to the clean one (Liu et al. 2022, algorithm 1); 0 leaves plain steps plain.

    Raises:
        ValueError: a field out of its range, or two that exclude each other.
    """

    rho: float
    scope: Literal["none", "global", "local", "joint"]
    alpha: float | Literal["adaptive"] = 0.5
    estimator: Literal["spsa", "exact", "random", "remembered", "guided"] = "spsa"
    memory_decay: float = 0.0
    mu: float = 0.01
    normalise: Normalise = "layer"
    noise: Literal["independent", "shared"] = "independent"
    layers: Layers = "all"
    decompose: Decompose = "direct"
    rescale: bool = False
    adaptive: bool = False
    head_rho: float | None = None
    probe_statistics: Literal["running", "batch"] = "running"
    every: int = 1
    directions: int = 1
    distribution: Distribution = "normal"
    rank: int = 1
    probe: Literal["central", "one-sided"] = "central"
    ball: Ball = "trunk"
    along: Literal["gradient", "deviation", "momentum", "previous"] = "gradient"
    sign: Literal[-1, 1] = -1
    decay: float = 0.9
    reuse: float = 0.7

    def __post_init__(self) -> None:
        if isinstance(self.layers, Sequence) and not isinstance(self.layers, str | tuple):
            object.__setattr__(self, "layers", tuple(self.layers))  # a list read from YAML
        listed = self.layers if isinstance(self.layers, tuple) else (self.layers,)
        if not listed or not all(type(layer) in (str, int) for layer in listed):
            raise ValueError(f"layers must be one or more names or indices of tensors, got {self.layers!r}")
        for name, kind in get_type_hints(Sharpness).items():
            if get_origin(kind) is Literal and getattr(self, name) not in get_args(kind):
                raise ValueError(
                    f"{name} must be one of {', '.join(map(str, get_args(kind)))}, got {getattr(self, name)!r}"
                )
        radius, whole = 0.0 if self.head_rho is None else self.head_rho, "a whole number, 1 or more"
        for name, holds, range_ in (
            ("rho", 0 <= self.rho < float("inf"), "a finite number, 0 or more"),
            ("head_rho", 0 <= radius < float("inf"), "None or a finite number, 0 or more"),
            ("alpha", self.alpha == "adaptive" or 0 <= float(self.alpha) <= 1, "in [0, 1] or adaptive"),
            ("memory_decay", 0 <= self.memory_decay < 1, "in [0, 1)"),
            ("rank", self.rank >= 1 and self.rank == int(self.rank), whole),
            ("mu", self.mu > 0, "positive"),
            ("decay", 0 <= self.decay < 1, "in [0, 1)"),
            ("reuse", self.reuse >= 0, "0 or more"),
            ("every", self.every >= 1 and self.every == int(self.every), whole),
            ("directions", self.directions >= 1 and self.directions == int(self.directions), whole),
        ):
            if not holds:
                raise ValueError(f"{name} must be {range_}, got {getattr(self, name)!r}")
        if self.along != "gradient" and self.scope != "global":
            raise ValueError(f"along={self.along!r} needs scope='global', got scope={self.scope!r}")
        if self.from_history and radius > 0:
            raise ValueError(f"along={self.along!r} moves the trunk alone: head_rho must be None or 0")
        if self.decompose != "direct" and not (self.needs_local and self.estimator == "exact"):
            raise ValueError(f"decompose={self.decompose!r} needs scope local or joint, with estimator='exact'")

    @property
    def moves(self) -> bool:
        """Whether anything is perturbed at all."""
        return self.scope != "none" and (self.rho > 0 or self.head_radius > 0)

    @property
    def head_radius(self) -> float:
        """Radius of each head's ball."""
        own = self.rho if self.head_rho is None else self.head_rho
        return 0.0 if self.from_history else own

    @property
    def global_weight(self) -> float:
        """The weight of g_0 in v_i; an adaptive one is this where nothing is remembered."""
        joint = 0.5 if self.alpha == "adaptive" else float(self.alpha)
        return {"none": 1.0, "global": 1.0, "local": 0.0, "joint": joint}[self.scope]

    @property
    def needs_local(self) -> bool:
        """Whether v_i has a local part, so that tasks are perturbed separately."""
        return self.global_weight < 1

    @property
    def from_history(self) -> bool:
        """Whether the perturbation is known before the step's first pass."""
        return self.along in ("momentum", "previous")

    @property
    def probes(self) -> bool:
        """Whether there are passes along random directions."""
        return self.needs_local and self.estimator in ("spsa", "guided")

    @property
    def adapts(self) -> bool:
        """Whether each task has an alpha of its own."""
        return self.scope == "joint" and self.alpha == "adaptive"

    @property
    def remembers(self) -> bool:
        """Whether each task's own gradient is kept for the next step."""
        used = self.estimator in ("remembered", "guided") or (self.adapts and self.estimator != "exact")
        return self.needs_local and used

    @property
    def sign_only(self) -> bool:
        """Whether tasks differ only in the sign of their slope (its size is lost when one direction is normalised)."""
        random = self.estimator in ("spsa", "guided", "random")
        return random and self.directions == 1 and self.normalise != "none" and not self.adapts


_SAMO = Sharpness(0.05, "joint")
_FMTL = Sharpness(0.05, "local", estimator="exact", normalise="none", decompose="separate")

PRESETS: Mapping[str, Sharpness] = MappingProxyType(
    {
        "none": Sharpness(0.0, "none"),
        "gsam": Sharpness(0.05, "global"),
        "lsam": replace(_FMTL, decompose="direct"),
        "samo": _SAMO,
        "samo-shared": replace(_SAMO, noise="shared"),
        "samo-sampled": replace(_SAMO, layers=("first", "middle", "last")),
        "fmtl": _FMTL,
        "fmtl-direct": replace(_FMTL, decompose="direct"),
        "fmtl-second": replace(_FMTL, decompose="second"),
        "fmtl-each": replace(_FMTL, decompose="each"),
        "placebo": replace(_SAMO, estimator="random"),
        "samo-remembered": replace(_SAMO, estimator="remembered"),
        "msam": Sharpness(0.05, "global", along="momentum"),
        "lookback": Sharpness(0.05, "global", along="previous"),
        "friendly": Sharpness(0.05, "global", along="deviation"),
    }
)
"""The papers' perturbations by name, with rho 0.05 where a paper tunes it."""


def preset(name: str, **overrides: Any) -> Sharpness:
    """The named member of the family, with some of its fields replaced.

    Raises:
        ValueError: an unknown name or field, or a value out of its range.
    """
    if name not in PRESETS:
        raise ValueError(f"unknown sharpness {name!r}: one of {', '.join(PRESETS)}")
    known = [field.name for field in fields(Sharpness)]
    if unknown := set(overrides) - set(known):
        raise ValueError(f"unknown field {min(unknown)!r} of a sharpness: one of {', '.join(known)}")
    return replace(PRESETS[name], **overrides)
