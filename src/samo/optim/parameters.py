"""The parts of a multi-task network: a trunk, one head a task, and the modules around them."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

Part = nn.Module | Iterable[Tensor]


@dataclass(frozen=True)
class Trainable:
    """The parameters that a step may fill: the trunk's with their names and positions, and each head's."""

    names: list[str]
    positions: list[int]
    trunk: list[Tensor]
    heads: list[list[Tensor]]

    @cached_property
    def all_heads(self) -> list[Tensor]:
        """The heads' parameters in one list."""
        return [p for head in self.heads for p in head]

    @cached_property
    def owner(self) -> list[int]:
        """The head of each parameter of `all_heads`."""
        return [i for i, head in enumerate(self.heads) for _ in head]


class Parts:
    """Trunk and heads, checked once.

    Args:
        trunk: a module, or parameters (named "0", "1", ... then).
        heads: a module or parameters a task.
        network: the modules that a pass may touch; by default those among trunk and heads.

    Raises:
        ValueError: no trunk parameter, no head, or a parameter that is in two places.
    """

    def __init__(self, trunk: Part, heads: Iterable[Part], network: nn.Module | None = None) -> None:
        heads = list(heads)
        named = trunk.named_parameters() if isinstance(trunk, nn.Module) else ((str(d), p) for d, p in enumerate(trunk))
        self.names: list[str] = []
        self.trunk: list[Tensor] = []
        for name, parameter in named:
            self.names.append(name)
            self.trunk.append(parameter)
        self.heads = [list(head.parameters() if isinstance(head, nn.Module) else head) for head in heads]
        if not self.trunk:
            raise ValueError("the trunk has no parameters")
        if not self.heads:
            raise ValueError("there are no heads: one a task is needed, () for a task without weights of its own")
        self._check_apart()
        found = [network] if network is not None else [part for part in (trunk, *heads) if isinstance(part, nn.Module)]
        self.modules = list(dict.fromkeys(module for part in found for module in part.modules()))

    @property
    def tasks(self) -> int:
        """K."""
        return len(self.heads)

    @property
    def device(self) -> torch.device:
        """Where the trunk is now."""
        return self.trunk[0].device

    @property
    def dtype(self) -> torch.dtype:
        """The trunk's dtype now."""
        return self.trunk[0].dtype

    def trainable(self) -> Trainable:
        """What is not frozen at this moment.

        Raises:
            ValueError: the whole trunk is frozen.
        """
        positions = [d for d, p in enumerate(self.trunk) if p.requires_grad]
        if not positions:
            raise ValueError("every parameter of the trunk is frozen")
        return Trainable(
            names=[self.names[d] for d in positions],
            positions=positions,
            trunk=[self.trunk[d] for d in positions],
            heads=[[p for p in head if p.requires_grad] for head in self.heads],
        )

    def _check_apart(self) -> None:
        owner: dict[Tensor, str] = {}
        for name, parameter in zip(self.names, self.trunk, strict=True):
            if parameter in owner:
                raise ValueError(f"the trunk holds one parameter twice, as {owner[parameter]} and {name}")
            owner[parameter] = f"trunk.{name}"
        for i, head in enumerate(self.heads):
            for parameter in head:
                if parameter in owner:
                    raise ValueError(
                        f"head {i} holds a parameter of {owner[parameter]}: what tasks share belongs to the trunk alone"
                    )
                owner[parameter] = f"head {i}"
