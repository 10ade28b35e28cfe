"""Trunk vectors that one step leaves to the next, by parameter name, so that layers may be frozen or freed between."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from samo.optim.perturbation import Vector


class Memory:
    """Named vectors; a parameter without history counts as zeros."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[str, Tensor]] = {}

    def has(self, kind: str) -> bool:
        """Whether a vector of this kind was ever kept."""
        return kind in self._kept

    def get(self, kind: str, names: Sequence[str], like: Sequence[Tensor]) -> Vector:
        """The vector on these parameters: what is kept, not a copy."""
        kept = self._kept.get(kind, {})
        return [kept[n] if n in kept else torch.zeros_like(p) for n, p in zip(names, like, strict=True)]

    def keep(self, kind: str, names: Sequence[str], v: Sequence[Tensor | None]) -> None:
        """Replace the vector by v, which is now the memory's; None leaves a parameter without history."""
        self._kept[kind] = {n: part for n, part in zip(names, v, strict=True) if part is not None}

    def state_dict(self) -> dict[str, dict[str, Tensor]]:
        """A copy of everything kept."""
        return {kind: {n: v.clone() for n, v in vectors.items()} for kind, vectors in self._kept.items()}

    def load_state_dict(self, state: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Put back what `state_dict` gave."""
        self._kept = {kind: {n: v.clone() for n, v in vectors.items()} for kind, vectors in state.items()}


def running_mean(mean: Vector, new: Sequence[Tensor | None], decay: float) -> Vector:
    """decay mean + (1 - decay) new, in place of `mean`; None counts as zeros."""
    torch._foreach_mul_(mean, decay)
    for part, latest in zip(mean, new, strict=True):
        if latest is not None:
            part.add_(latest, alpha=1 - decay)
    return mean
