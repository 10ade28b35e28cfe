import torch

from samo.models import lenet
from samo.models.multitask import SeparateNetworks


def test_the_published_parameter_count_comes_out():
    assert sum(p.numel() for p in lenet.build().parameters()) == 31_910


def test_a_head_that_is_not_asked_for_is_not_run():
    network = lenet.build()
    network.heads[1].register_forward_pre_hook(lambda *_: (_ for _ in ()).throw(AssertionError))
    (output,) = network(torch.zeros(2, 1, 36, 36), [0])
    assert output.shape == (2, 10)


def test_separate_networks_start_equal_and_share_nothing():
    network = SeparateNetworks(lenet.build())
    x = torch.randn(3, 1, 36, 36, generator=torch.Generator().manual_seed(0))
    left, right = network(x, [0, 1])
    left.sum().backward()
    assert all(p.grad is None for p in network.trunk[1].parameters())
    assert all(p.grad is not None for p in network.trunk[0].parameters())
    assert torch.equal(network.trunk[0](x), network.trunk[1](x))
    assert not torch.equal(left, right)  # the heads are drawn apart
