"""A shared trunk with one head a task, and its single-task counterpart."""

import copy
from collections.abc import Sequence

from torch import Tensor, nn


class MultiTaskNetwork(nn.Module):
    """A trunk whose output goes through one head a task.

    Args:
        trunk: the shared part; its parameters are the shared vector theta_sh.
        heads: one module a task; head i's parameters are theta_i.
    """

    def __init__(self, trunk: nn.Module, heads: Sequence[nn.Module]) -> None:
        super().__init__()
        self.trunk = trunk
        self.heads = nn.ModuleList(heads)

    def forward(self, x: Tensor, tasks: Sequence[int]) -> list[Tensor]:
        """The outputs of the asked tasks, in the order asked; heads not asked for are not run."""
        features = self.trunk(x)
        return [self.heads[i](features) for i in tasks]


class SeparateNetworks(nn.Module):
    """K networks that share nothing: the single-task baseline (STL), trained side by side.

    With an optimiser that works coordinate by coordinate (SGD, Adam), a step on the sum of the losses is one step
    of each network on its own loss, so STL is linear scalarisation on this network. `trunk` holds the K trunks.

    Args:
        network: copied K times; every copy keeps the head of its own task only.
    """

    def __init__(self, network: MultiTaskNetwork) -> None:
        super().__init__()
        self.trunk = nn.ModuleList(copy.deepcopy(network.trunk) for _ in network.heads)
        self.heads = copy.deepcopy(network.heads)

    def forward(self, x: Tensor, tasks: Sequence[int]) -> list[Tensor]:
        """The outputs of the asked tasks; the networks of the others are not run."""
        return [self.heads[i](self.trunk[i](x)) for i in tasks]
