import torch

from samo.models import mtan, segnet


def count(module: torch.Tensor | torch.nn.Module) -> int:
    assert isinstance(module, torch.nn.Module)
    return sum(p.numel() for p in module.parameters())


def test_the_encoder_is_that_of_vgg_16():
    with torch.device("meta"):
        trunk = segnet.build((13, 1, 3)).trunk
    # The 13 convolutions of VGG-16, and a BatchNorm after each.
    assert count(trunk.encoder_in) + count(trunk.encoder_out) == 14_714_688 + 2 * 4_224


def test_it_is_mtan_without_attention():
    with torch.device("meta"):
        plain, attentive = segnet.build((13, 1, 3)), mtan.build((13, 1, 3))
    joins = count(attentive.trunk.encoder_join) + count(attentive.trunk.decoder_join)
    assert count(plain.trunk) == 44_117_184 - 8_953_728 - joins
    assert count(plain.heads) == 111_889


def test_outputs_have_the_inputs_size_and_unit_vectors_length_1():
    network = segnet.build((5, 1, 3), widths=(4, 6, 8), unit={2})
    assert [o.shape for o in network(torch.rand(2, 3, 16, 24), [2, 0])] == [(2, 3, 16, 24), (2, 5, 16, 24)]
    features = torch.randn(2, 4, 16, 24)
    assert torch.allclose(network.heads[2](features).norm(dim=1), torch.ones(2, 16, 24), atol=1e-4)
    assert float(network.heads[1](features).abs().detach().std()) > 1e-3


def test_unit_length_is_exact_and_has_a_gradient_everywhere():
    x = torch.tensor([[3.0, 0.0, 4.0], [0.0, 0.0, 0.0]]).view(2, 3, 1, 1).requires_grad_()
    y = segnet.unit_length(x)
    assert torch.allclose(y.detach()[0, :, 0, 0], torch.tensor([0.6, 0.0, 0.8]))
    y.sum().backward()
    assert x.grad is not None
    assert bool(x.grad.isfinite().all())
