"""Buffers and modes of modules around passes that must leave no trace."""

import pytest
import torch
from torch import Tensor, nn

from samo.optim.buffers import Buffers, evaluation_mode


class Counting(nn.Module):
    """Keeps a buffer of its own, and replaces it instead of writing into it."""

    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.count = self.count + 1
        return x


def test_what_a_pass_writes_is_put_back_into_the_same_tensors() -> None:
    """And spoils no graph. Other buffers (codebooks, spectral norm) are among the traits."""
    x = torch.randn(8, 4, 5, generator=torch.Generator().manual_seed(0), requires_grad=True)
    for layer in (nn.BatchNorm1d(4), nn.InstanceNorm1d(4, track_running_stats=True), Counting()):
        held = dict(layer.named_buffers())
        before = {name: b.clone() for name, b in held.items()}
        buffers = Buffers(list(layer.modules()))
        values = buffers.copy()
        first = layer(x)
        assert any(not torch.equal(before[name], b) for name, b in layer.named_buffers())
        buffers.put(values)
        assert all(b is held[name] and torch.equal(b, before[name]) for name, b in layer.named_buffers())
        first.sum().backward()
        assert torch.equal(layer(x), first)


def test_every_module_gets_its_own_mode_back_after_an_error_too() -> None:
    network = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(4).eval())
    with pytest.raises(KeyError), evaluation_mode(list(network.modules())):
        assert not any(m.training for m in network.modules())
        raise KeyError
    assert [m.training for m in network.modules()] == [True, True, False]
