import pytest
import torch

from samo.models import mtan


@pytest.mark.parametrize(
    ("outputs", "trunk", "heads"), [((7, 1), 41_132_608, 74_376), ((13, 1, 3), 44_117_184, 111_889)]
)
def test_the_published_parameter_counts_come_out(outputs: tuple[int, ...], trunk: int, heads: int):
    with torch.device("meta"):
        network = mtan.build(outputs)
    assert sum(p.numel() for p in network.trunk.parameters()) == trunk
    assert sum(p.numel() for p in network.heads.parameters()) == heads


def test_the_attention_of_a_task_that_is_not_asked_for_is_not_run():
    with torch.device("meta"):
        network, image = mtan.build(), torch.zeros(1, 3, 64, 32)
    for masks in (network.trunk.encoder_masks[0], network.trunk.decoder_masks[0]):
        for mask in masks.children():
            mask.register_forward_pre_hook(lambda *_: (_ for _ in ()).throw(AssertionError))
    (depth,) = network(image, [1])
    assert depth.shape == (1, 1, 64, 32)
    depth.sum().backward()
    assert all(p.grad is None for p in network.trunk.encoder_masks[0].parameters())
