"""The update as its user sees it: what it fills, what it leaves alone, and what it refuses."""

import copy
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from samo import MultiTaskUpdate, preset
from samo.sharpness import PRESETS
from tests.problems import problem


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


@pytest.mark.parametrize("aggregator", ["ls", "pcgrad"])
@pytest.mark.parametrize("name", PRESETS)
def test_a_step_leaves_what_one_forward_pass_leaves(name: str, aggregator: str) -> None:
    one, other = (problem(3, batchnorm=True, dropout=0.3, branches=True) for _ in range(2))
    one.network.trunk["first"].bias.requires_grad_(False)
    other.network.trunk["first"].bias.requires_grad_(False)
    update = MultiTaskUpdate(one.network.trunk, one.network.heads, aggregator=aggregator, sharpness=preset(name))
    for _ in range(2):
        torch.manual_seed(3)
        update.backward(one.closure)
        after = Snapshot.of(one.network)
        torch.manual_seed(3)
        other.closure(range(3))
        # Without a clean pass the statistics move once too, but by what the perturbed weights give.
        Snapshot.of(other.network).assert_equal(after, but="running_" if preset(name).from_history else None)
