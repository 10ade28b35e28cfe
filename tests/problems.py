"""Small multi-task problems for the tests of the update: every trait that a network may have."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Network(nn.Module):
    """A two-layer trunk with what makes perturbed passes hard, one private branch a task inside the trunk, heads.

    Args:
        tasks: K.
        batchnorm: BatchNorm after the first layer.
        dropout: its probability, after the first layer.
        branches: a layer a task that belongs to the trunk and that only this task uses (MTAN's attention).
    """

    def __init__(self, tasks: int, *, batchnorm: bool, dropout: float, branches: bool) -> None:
        super().__init__()
        self.trunk = nn.ModuleDict(
            {
                "first": nn.Linear(5, 6),
                "norm": nn.BatchNorm1d(6) if batchnorm else nn.Identity(),
                "dropout": nn.Dropout(dropout),
                "second": nn.Linear(6, 4),
                "branches": nn.ModuleList(nn.Linear(4, 4) for _ in range(tasks if branches else 0)),
            }
        )
        self.heads = nn.ModuleList(nn.Linear(4, 2) for _ in range(tasks))

    def forward(self, x: Tensor, tasks: Sequence[int]) -> list[Tensor]:
        trunk = self.trunk
        features = trunk["dropout"](torch.tanh(trunk["norm"](trunk["first"](x))))
        features = torch.tanh(trunk["second"](features))
        branches = trunk["branches"]
        assert isinstance(branches, nn.ModuleList)
        own = [torch.tanh(branches[i](features)) if len(branches) else features for i in tasks]
        return [self.heads[i](f) for i, f in zip(tasks, own, strict=True)]


@dataclass
class Problem:
    """A network with one fixed batch; `closure` gives positive losses of different sizes."""

    network: Network
    x: Tensor
    y: Tensor

    @property
    def tasks(self) -> int:
        return len(self.network.heads)

    def closure(self, tasks: Sequence[int]) -> list[Tensor]:
        return self.losses(self.network(self.x, tasks), tasks)

    def losses(self, outputs: Sequence[Tensor], tasks: Sequence[int]) -> list[Tensor]:
        return [(1 + i) ** 0.5 * F.mse_loss(out, self.y[i]) for i, out in zip(tasks, outputs, strict=True)]


def problem(
    tasks: int = 3,
    *,
    batchnorm: bool = False,
    dropout: float = 0.0,
    branches: bool = False,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
) -> Problem:
    """A problem that is the same for the same arguments, whatever the global stream; in training mode."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Network(tasks, batchnorm=batchnorm, dropout=dropout, branches=branches).to(dtype)
        return Problem(network, torch.randn(16, 5, dtype=dtype), torch.randn(tasks, 16, 2, dtype=dtype))


def grads(network: nn.Module) -> list[Tensor | None]:
    """A copy of every `.grad`, in the order of the parameters."""
    return [None if p.grad is None else p.grad.clone() for p in network.parameters()]
