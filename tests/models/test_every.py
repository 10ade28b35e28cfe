"""What the papers' networks have in common: their published size, and that only what is asked for is run."""

import pytest
import torch
from torch import nn

from samo.models import celeba, lenet, mpnn, mtan, resnet18, segnet
from samo.models.multitask import MultiTaskNetwork, SeparateNetworks


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("build", "trunk", "heads"),
    [
        (lenet.build, 31_910 - 2 * 510, 2 * 510),
        (celeba.build, 5_176_640, 20_520),
        (mpnn.build, 616_960, 715),
        (lambda: mtan.build((7, 1)), 41_132_608, 74_376),
        (lambda: mtan.build((13, 1, 3)), 44_117_184, 111_889),
        (lambda: segnet.build((13, 1, 3)), 24_943_296, 111_889),
        (resnet18.build_digits, 11_223_560 - 2_020, 2_020),
        (resnet18.build_domains, 11_440_192, 133_380),
        # 11,176,512 of torchvision's trunk, with 3 x 3 instead of 7 x 7 in the stem.
        (resnet18.build_faces, 11_176_512 - 64 * 3 * (49 - 9), 40 * (2048 * 2 + 2)),
    ],
)
def test_the_published_parameter_counts_come_out(build, trunk, heads):
    with torch.device("meta"):
        network = build()
    assert (count(network.trunk), count(network.heads)) == (trunk, heads)


WIDE = (2, 3, 64, 64)


@pytest.mark.parametrize(
    ("build", "shape", "outputs"),
    [
        (lenet.build, (2, 1, 36, 36), [(2, 10)] * 2),
        (lambda: celeba.build(2), WIDE, [(2, 1)] * 2),
        (lambda: resnet18.build_digits(2, 10), (2, 1, 36, 36), [(2, 10)] * 2),
        (lambda: resnet18.build_domains(2, 7), WIDE, [(2, 7)] * 2),
        (lambda: resnet18.build_faces(2), WIDE, [(2, 2)] * 2),
        (lambda: mtan.build((5, 3), (4, 6, 8), {1}), (2, 3, 16, 24), [(2, 5, 16, 24), (2, 3, 16, 24)]),
        (lambda: segnet.build((5, 3), (4, 6, 8), {1}), (2, 3, 16, 24), [(2, 5, 16, 24), (2, 3, 16, 24)]),
    ],
    ids=["lenet", "celeba", "digits", "domains", "faces", "mtan", "segnet"],
)
def test_only_what_is_asked_for_is_run_and_separate_networks_share_nothing(build, shape, outputs):
    with torch.device("meta"):
        network, x = build(), torch.zeros(shape)
    assert isinstance(network, MultiTaskNetwork)
    assert [tuple(output.shape) for output in network(x, [1, 0])] == outputs[::-1]
    (alone,) = network(x, [1])
    alone.sum().backward()
    of_other = {name for name, _ in network.named_parameters() if name.startswith("heads.0") or "_masks.0" in name}
    assert {name for name, p in network.named_parameters() if p.grad is None} == of_other
    apart = SeparateNetworks(network)
    apart(x, [1])[0].sum().backward()
    assert all(p.grad is None for p in (*apart.trunk[0].parameters(), *apart.heads[0].parameters()))
    ids = [id(p) for p in (*network.parameters(), *apart.parameters())]
    assert len(set(ids)) == len(ids)
    assert not any("_masks.1" in name for name, _ in apart.named_parameters())


def test_unit_vectors_have_length_1_and_a_gradient_everywhere():
    network = segnet.build((5, 3), widths=(4, 6, 8), unit={1})
    assert torch.allclose(network.heads[1](torch.randn(2, 4, 16, 24)).norm(dim=1), torch.ones(2, 16, 24), atol=1e-4)
    x = torch.tensor([[3.0, 0.0, 4.0], [0.0, 0.0, 0.0]]).view(2, 3, 1, 1).requires_grad_()
    y = segnet.unit_length(x)
    assert torch.allclose(y.detach()[0, :, 0, 0], torch.tensor([0.6, 0.0, 0.8]))
    y.sum().backward()
    assert x.grad is not None
    assert bool(x.grad.isfinite().all())
