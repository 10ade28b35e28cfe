"""What is remembered between steps, by the names of parameters, so that layers may be frozen or freed between."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from samo.optim.parameters import Trainable, widest
from samo.optim.perturbation import Vector, add_flat_, orthogonal_part
from samo.optim.sharpness import Sharpness

Kept = dict[str, dict[str, Tensor]]


class History:
    """Vectors by name; a parameter without history, or with one of another shape, counts as zeros."""

    def __init__(self) -> None:
        self._kept: Kept = {}

    def has(self, kind: str) -> bool:
        return kind in self._kept

    def get(self, kind: str, like: Mapping[str, Tensor]) -> Vector:
        """The vector on these parameters, on their device: what is kept, not a copy."""
        kept, found = self._kept.get(kind, {}), []
        for name, p in like.items():
            v = kept.get(name)
            fits = v is not None and v.shape == p.shape
            found.append(v.to(p.device) if fits else torch.zeros_like(p, dtype=widest([p]), requires_grad=False))  # type: ignore[union-attr]
        return found

    def keep(self, kind: str, like: Mapping[str, Tensor], v: Sequence[Tensor | None]) -> None:
        """Replace the vector by v, which the history now owns; None leaves a parameter without history."""
        self._kept[kind] = {name: part for name, part in zip(like, v, strict=True) if part is not None}

    def without_mean(self, s: Sharpness, net: Trainable, g0: Vector) -> Vector:
        """g_0 minus its running mean, updated with g_0 first (Friendly-SAM, Li et al. 2024, equations 8 and 9)."""
        deviation = list(torch._foreach_sub(g0, self.get("deviation", net.trunk)))
        torch._foreach_mul_(deviation, s.decay)
        return deviation

    def take_in(self, kind: str, like: Mapping[str, Tensor], new: Sequence[Tensor | None], decay: float) -> None:
        """Running mean <- decay mean + (1 - decay) new; None counts as zeros."""
        mean = self.get(kind, like)
        torch._foreach_mul_(mean, decay)
        for part, latest in zip(mean, new, strict=True):
            if latest is not None:
                part.add_(latest, alpha=1 - decay)
        self.keep(kind, like, mean)

    def gradients(self, net: Trainable) -> list[Vector | None]:
        """What is remembered of each task's own gradient of the trunk; None where nothing is."""
        kinds = [f"gradient {task}" for task in net.tasks]
        return [self.get(kind, net.trunk) if kind in self._kept else None for kind in kinds]

    def remember_gradients(self, s: Sharpness, net: Trainable, rows: Sequence[Vector]) -> None:
        """Take each task's own gradient of the trunk into its running mean, which starts with the first of them."""
        for task, row in zip(net.tasks, rows, strict=True):
            kind = f"gradient {task}"
            self.take_in(kind, net.trunk, row, s.memory_decay if kind in self._kept else 0.0)

    def remember_direction(self, s: Sharpness, net: Trainable, scale: float) -> None:
        """Keep what a step applied to the trunk (its `.grad`, scaled) for the next step's perturbation."""
        dtype = widest(net.shared)
        applied = [None if p.grad is None else p.grad.to(dtype) / scale for p in net.shared]
        if s.along == "momentum":
            self.take_in("momentum", net.trunk, applied, s.decay)
        else:
            self.keep("previous", net.trunk, applied)

    def remember_flat(self, net: Trainable, g0: Vector, h: Vector, scale: float) -> None:
        """What the perturbation added across the clean gradient, for the trunk and for every head (LookSAM)."""
        clean = iter([*g0, *h])
        for part, params in net.by_part():
            base = [next(clean) for _ in params]
            perturbed = [
                torch.zeros_like(g) if p.grad is None else p.grad.to(g.dtype) / scale
                for p, g in zip(params.values(), base, strict=True)
            ]
            self.keep(f"flat {part}", params, orthogonal_part(perturbed, base) if base else [])

    def reuse_flat(self, s: Sharpness, net: Trainable) -> None:
        """Add the kept flat component to a plain step's gradients (LookSAM, Liu et al. 2022, algorithm 1)."""
        for part, params in net.by_part():
            flat = self.get(f"flat {part}", params)
            used = [(p.grad, f) for p, f in zip(params.values(), flat, strict=True) if p.grad is not None]
            if used:
                add_flat_([g for g, _ in used], [f for _, f in used], s.reuse)

    def state_dict(self) -> Kept:
        return {kind: {n: v.clone() for n, v in vectors.items()} for kind, vectors in self._kept.items()}

    def load_state_dict(self, state: Mapping[str, Mapping[str, Tensor]]) -> None:
        self._kept = {kind: {n: v.clone() for n, v in vectors.items()} for kind, vectors in state.items()}
