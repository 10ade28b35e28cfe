import torch

from samo.models import celeba


def test_the_published_parameter_counts_come_out():
    network = celeba.build()
    assert sum(p.numel() for p in network.trunk.parameters()) == 5_176_640
    assert sum(p.numel() for p in network.heads.parameters()) == 20_520
    assert len(list(network.trunk.parameters())) == 27


def test_an_attribute_gives_one_logit_a_face():
    outputs = celeba.build(tasks=3).eval()(torch.zeros(2, 3, 64, 64), [2, 0])
    assert [tuple(output.shape) for output in outputs] == [(2, 1), (2, 1)]
