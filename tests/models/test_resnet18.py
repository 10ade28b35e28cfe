import pytest
import torch
from safetensors.torch import save_file

from samo.models import resnet18


def test_a_block_adds_its_input():
    block = resnet18.BasicBlock(4, 4, stride=1).eval()
    torch.nn.init.zeros_(block.conv2.weight)
    x = torch.rand(1, 4, 5, 5)
    assert torch.equal(block(x), x)


@pytest.fixture(scope="module")
def published():
    """Weights as torchvision names them, with its classifier."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        weights = resnet18.Backbone().state_dict()
    return {**weights, "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}


def test_names_are_those_of_the_published_weights(published):
    assert len(published) == 122  # entries of torchvision's state_dict
    assert {"conv1.weight", "layer1.0.bn2.running_var", "layer4.0.downsample.1.weight"} <= set(published)
    assert "layer1.0.downsample.0.weight" not in published


@pytest.mark.parametrize("name", ["resnet18.safetensors", "resnet18.pth"])
def test_given_weights_fill_the_trunk(published, tmp_path, name):
    path = tmp_path / name
    save_file(published, path) if name.endswith("safetensors") else torch.save(published, path)
    trunk = resnet18.build_domains(weights=path).trunk
    for parameter, value in next(trunk.children()).named_parameters():
        assert torch.equal(value, published[parameter])


def test_weights_that_do_not_fit_are_named(published, tmp_path):
    path = tmp_path / "other.safetensors"
    wrong = {name: t for name, t in published.items() if name != "bn1.bias"}
    save_file({**wrong, "conv1.weight": torch.zeros(64, 1, 7, 7), "layer1.2.conv1.weight": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match=r"other\.safetensors: bn1\.bias is missing; layer1\.2.*; conv1\.weight has"):
        resnet18.load_weights(resnet18.Backbone(), path)


@pytest.mark.parametrize("name", ["cut.safetensors", "cut.pth", "pickle.pth"])
def test_what_is_no_file_of_weights_is_refused_by_name_and_never_run(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"\x08\x00\x00\x00")
    if name.startswith("pickle"):
        torch.save(resnet18.BasicBlock(4, 4, stride=1), path)
    with pytest.raises(ValueError, match=name.replace(".", r"\.")):
        resnet18.load_weights(resnet18.Backbone(), path)
