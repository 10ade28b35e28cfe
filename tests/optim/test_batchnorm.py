import copy

import pytest
import torch
from torch import nn

from samo.optim.batchnorm import evaluation_mode, frozen_statistics


class Counting(nn.Module):
    """Keeps a buffer of its own, and replaces it instead of writing into it."""

    count: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.count = self.count + 1
        return x


@pytest.mark.parametrize(
    "layer",
    [
        nn.BatchNorm1d(4),
        nn.BatchNorm1d(4, momentum=None),
        nn.InstanceNorm1d(4, track_running_stats=True),
        Counting(),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_pass_in_training_mode_writes_nothing(layer: nn.Module) -> None:
    x = torch.randn(8, 4, 5, generator=torch.Generator().manual_seed(0))
    before, twin = copy.deepcopy(layer.state_dict()), copy.deepcopy(layer)
    modules = list(layer.modules())
    with frozen_statistics(modules):
        frozen = layer(x)
    assert all(torch.equal(before[name], value) for name, value in layer.state_dict().items())
    torch.testing.assert_close(frozen, twin(x))  # the same output as a pass that writes
    layer(x)
    assert any(not torch.equal(before[name], value) for name, value in layer.state_dict().items())


def test_flags_come_back_after_an_error() -> None:
    layer = nn.BatchNorm1d(4)
    with pytest.raises(KeyError), frozen_statistics([layer]), evaluation_mode([layer]):
        raise KeyError
    assert layer.track_running_stats
    assert layer.training


def test_every_module_gets_its_own_mode_back() -> None:
    network = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(4).eval())
    with evaluation_mode(list(network.modules())):
        assert not any(m.training for m in network.modules())
    assert [m.training for m in network.modules()] == [True, True, False]
