"""Small multi-task problems for the tests of the update: every trait that a network may have."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from samo import MultiTaskUpdate, preset
from samo.optim.process_group import Group, share_of
from samo.training.problem import Problem as StudyProblem


class Trunk(nn.Module):
    """Two layers with what makes perturbed passes hard `between` them.

    At its end are `branches` layers that belong to the trunk and that one task each uses (MTAN's attention).
    """

    def __init__(self, branches: int, between: Sequence[nn.Module], *, batchnorm: bool, dropout: float) -> None:
        super().__init__()
        self.first = nn.Linear(5, 6)
        self.norm: nn.Module = nn.BatchNorm1d(6) if batchnorm else nn.Identity()
        self.dropout = nn.Sequential(nn.Dropout(dropout), *between)
        self.second = nn.Linear(6, 4)
        self.branches = nn.ModuleList(nn.Linear(4, 4) for _ in range(branches))

    def forward(self, x: Tensor, tasks: Sequence[int]) -> list[Tensor]:
        return self.after_first(self.first(x), tasks)

    def after_first(self, z: Tensor, tasks: Sequence[int]) -> list[Tensor]:
        features = torch.tanh(self.second(self.dropout(torch.tanh(self.norm(z)))))
        return [torch.tanh(self.branches[i](features)) if len(self.branches) else features for i in tasks]


class Network(nn.Module):
    """The trunk with one linear head per task."""

    def __init__(self, tasks: int, between: Sequence[nn.Module], *, branches: bool, **traits: Any) -> None:
        super().__init__()
        self.trunk = Trunk(tasks if branches else 0, between, **traits)
        self.heads = nn.ModuleList(nn.Linear(4, 2) for _ in range(tasks))

    def forward(self, x: Tensor, tasks: Sequence[int]) -> list[Tensor]:
        return [self.heads[i](features) for i, features in zip(tasks, self.trunk(x, tasks), strict=True)]

    @property
    def batchnorm(self) -> nn.BatchNorm1d:
        """The trunk's BatchNorm, of a network that has one."""
        assert isinstance(self.trunk.norm, nn.BatchNorm1d)
        return self.trunk.norm


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

    def apart(self, tasks: Sequence[int]) -> list[Tensor]:
        """An input and a pass for each task, of different batch sizes."""
        return self.losses([self.network(self.x.roll(i, 0)[: 16 - 4 * i], [i])[0] for i in tasks], tasks)

    def losses(self, outputs: Sequence[Tensor], tasks: Sequence[int]) -> list[Tensor]:
        pairs = [(out.to(self.y), self.y[i, : len(out)]) for i, out in zip(tasks, outputs, strict=True)]
        return [(1 + i) ** 0.5 * F.mse_loss(*pair) for i, pair in zip(tasks, pairs, strict=True)]


class Rows:
    """A split of the rows of some tensors: a batch is a tuple of them, or of one tensor the rows alone."""

    def __init__(self, *tensors: Tensor, at_most: int | None = None) -> None:
        self.tensors, self.at_most = tensors, at_most
        self.asked = 0

    def __len__(self) -> int:
        return len(self.tensors[0])

    def batches(
        self, size: int, device: torch.device, shuffle: torch.Generator | None = None, group: Group | None = None
    ) -> Iterator[Any]:
        self.asked += 1
        order, size = torch.arange(len(self)), min(size, self.at_most or size)
        if shuffle is not None:
            order = torch.randperm(len(self), generator=shuffle)[: len(self) - len(self) % size]
        for chosen in order.split(size):
            here = chosen if shuffle is None else share_of(chosen, group)
            batch = tuple(tensor[here].to(device) for tensor in self.tensors)
            yield batch if len(batch) > 1 else batch[0]


def study_problem(**parts: Any) -> StudyProblem:
    """A problem as training and analyses take it, of which nobody wants a metric."""
    given: dict[str, Any] = {"metrics": (), "meter": lambda: pytest.fail("no metric is wanted"), "splits": {}}
    return StudyProblem(**given | {"score": lambda values: 0.0} | parts)


def as_study(case: Problem) -> StudyProblem:
    """The case so; batches are pairs as (x, y)."""
    return study_problem(
        tasks=tuple("abcdefghijk"[: case.tasks]),
        network=lambda: case.network,
        forward=lambda network, batch, tasks: network(batch[0], tasks),
        loss=lambda task, output, batch: (output - batch[1][task]).square().mean(),
    )


def problem(
    tasks: int = 3,
    *,
    batchnorm: bool = False,
    dropout: float = 0.0,
    branches: bool = False,
    between: Sequence[nn.Module] = (),
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> Problem:
    """A problem that is the same for the same arguments, whatever the global stream; in training mode."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Network(tasks, between, batchnorm=batchnorm, dropout=dropout, branches=branches)
        x, y = torch.randn(16, 5, dtype=dtype), torch.randn(tasks, 16, 2, dtype=dtype)
        return Problem(network.to(device, dtype), x.to(device), y.to(device))


def grads(network: nn.Module) -> list[Tensor | None]:
    """A copy of every `.grad`, in the order of the parameters."""
    return [None if p.grad is None else p.grad.clone() for p in network.parameters()]


def same(left: Sequence[Tensor | None], right: Sequence[Tensor | None], tolerance: float = 0.0) -> None:
    """Equal, bit for bit where no tolerance is given; None where the other is."""
    for a, b in zip(left, right, strict=True):
        assert (a is None) == (b is None)
        if a is not None and b is not None:
            torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def update_of(
    case: Problem,
    aggregator: Any = "ls",
    name: str = "none",
    *,
    generator: torch.Generator | None = None,
    options: Mapping[str, Any] = MappingProxyType({}),
    **fields: Any,
) -> MultiTaskUpdate:
    """An update of this preset, some of its fields replaced; its generator starts from 0 where none is given."""
    return MultiTaskUpdate(
        case.network.trunk,
        case.network.heads,
        aggregator=aggregator,
        sharpness=preset(name, **fields),
        generator=torch.Generator().manual_seed(0) if generator is None else generator,
        **options,
    )


def train(case: Problem, update: MultiTaskUpdate, steps: int) -> None:
    """Some steps of SGD with everything that a loop should call; dropout differs from step to step."""
    optimizer = torch.optim.SGD([*case.network.parameters(), *update.parameters()], lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        update.backward(case.closure)
        optimizer.step()
        update.after_step(case.closure)


@dataclass
class Snapshot:
    """All that a step must not change, bit for bit."""

    state: dict[str, Tensor]
    flags: list[bool]
    modes: list[bool]
    random: Tensor

    @classmethod
    def of(cls, network: nn.Module) -> "Snapshot":
        return cls(
            copy.deepcopy(network.state_dict()),
            [p.requires_grad for p in network.parameters()],
            [m.training for m in network.modules()],
            torch.get_rng_state(),
        )

    def assert_equal(self, other: "Snapshot", *, but: str | None = None) -> None:
        for name, value in self.state.items():
            assert torch.equal(value, other.state[name]) or (but is not None and but in name), name
        assert self.flags == other.flags
        assert self.modes == other.modes
        assert torch.equal(self.random, other.random)
