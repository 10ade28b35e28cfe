"""A shared trunk with one head per task, and its single-task counterpart."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn


class TaskTrunk(nn.Module, ABC):
    """A trunk that computes features for each task: `forward(x, tasks)` gives a list of them, in the order asked."""

    @abstractmethod
    def single(self, task: int) -> "TaskTrunk":
        """A copy that holds only what one task needs; that task is then number 0."""


class MultiTaskNetwork(nn.Module):
    """A trunk whose output goes through one head per task.

    Args:
        trunk: the shared part, a `TaskTrunk` or a plain module x -> features; its parameters are the shared vector
            theta_sh.
        heads: one module per task; head i's parameters are theta_i.
    """

    def __init__(self, trunk: nn.Module, heads: Sequence[nn.Module]) -> None:
        super().__init__()
        self.trunk = trunk
        self.heads = nn.ModuleList(heads)

    def forward(self, x: Tensor, tasks: Sequence[int]) -> list[Tensor]:
        """The outputs of the asked tasks, in the order asked; what belongs to other tasks is not run."""
        features = self.trunk(x, tasks) if isinstance(self.trunk, TaskTrunk) else [self.trunk(x)] * len(tasks)
        return [self.heads[i](own) for i, own in zip(tasks, features, strict=True)]


class SeparateNetworks(nn.Module):
    """K networks that share nothing: the single-task baseline (STL), trained side by side.

    With an optimiser that works coordinate by coordinate (SGD, Adam), a step on the sum of the losses is one step
    of each network on its own loss, so STL is linear scalarisation on this network. `trunk` holds the K trunks.

    Args:
        network: copied K times; every copy keeps what belongs to its own task only.
    """

    def __init__(self, network: MultiTaskNetwork) -> None:
        super().__init__()
        trunk = network.trunk
        self.trunk = nn.ModuleList(
            trunk.single(i) if isinstance(trunk, TaskTrunk) else copy.deepcopy(trunk) for i in range(len(network.heads))
        )
        self.heads = copy.deepcopy(network.heads)

    def forward(self, x: Tensor, tasks: Sequence[int]) -> list[Tensor]:
        """The outputs of the asked tasks; the networks of the others are not run."""
        return [self.heads[i](_features(self.trunk[i], x)) for i in tasks]


def _features(trunk: nn.Module, x: Tensor) -> Tensor:
    features: Tensor = trunk(x, [0])[0] if isinstance(trunk, TaskTrunk) else trunk(x)
    return features
