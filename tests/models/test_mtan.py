import pytest
import torch

from samo.models import mtan
from samo.models.multitask import SeparateNetworks


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
    trunk = network.trunk
    assert isinstance(trunk, mtan.AttentionTrunk)
    unused = [masks[0] for masks in (trunk.encoder_masks, trunk.decoder_masks)]
    for masks in unused:
        assert isinstance(masks, torch.nn.ModuleList)
        for mask in masks:
            mask.register_forward_pre_hook(lambda *_: (_ for _ in ()).throw(AssertionError))
    (depth,) = network(image, [1])
    assert depth.shape == (1, 1, 64, 32)
    depth.sum().backward()
    assert all(p.grad is None for masks in unused for p in masks.parameters())


def test_the_attention_of_three_tasks_has_the_published_size():
    with torch.device("meta"):
        trunk = mtan.build((13, 1, 3)).trunk
    assert sum(p.numel() for name, p in trunk.named_parameters() if "_masks" in name) == 8_953_728


def test_a_single_task_network_is_the_same_network_with_that_task_alone():
    network = mtan.build((4, 1, 3), widths=(4, 6, 8), unit={2}).eval()
    apart = SeparateNetworks(network).eval()
    x = torch.rand(2, 3, 16, 24)
    for one, other in zip(network(x, [2, 0]), apart(x, [2, 0]), strict=True):
        assert torch.equal(one, other)
    ours = [
        p.shape for name, p in network.trunk.named_parameters() if "_masks.1" not in name and "_masks.2" not in name
    ]
    assert [p.shape for p in apart.trunk[0].parameters()] == ours
    ids = [p.data_ptr() for p in (*network.parameters(), *apart.parameters())]
    assert len(set(ids)) == len(ids)
