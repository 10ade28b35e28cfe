"""ResNet-18 (He et al. 2016) as three of the papers' networks use it: digits, domains of pictures, faces.

Parameter names are torchvision's, so that a file of its ImageNet weights fits.
"""

from pathlib import Path
from typing import cast

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from samo.models.multitask import MultiTaskNetwork

WIDTHS = (64, 128, 256, 512)


def build_digits(tasks: int = 2, classes: int = 10) -> MultiTaskNetwork:
    """For the Multi-MNIST family (Lin et al. 2019, ParetoMTL): 11,223,560 parameters with two heads.

    Trunk: one-channel 7 x 7 stem, pooled features, fully connected 512 -> 100, ReLU; heads: 100 -> classes.
    Input [N, 1, H, W], outputs [N, classes] logits. Weights are drawn from torch's global generator, convolutions
    by He's rule.
    """
    trunk = nn.Sequential(_drawn_by_he(Backbone(channels=1)), _pool(1), nn.Linear(512, 100), nn.ReLU())
    return MultiTaskNetwork(trunk, [nn.Linear(100, classes) for _ in range(tasks)])


def build_domains(domains: int = 4, classes: int = 65, weights: Path | None = None) -> MultiTaskNetwork:
    """For Office-Home (LibMTL): 11,440,192 shared parameters + 133,380 in four heads of 65 classes.

    Trunk: pooled features, fully connected 512 -> 512, BatchNorm, ReLU, dropout 0.5; heads: 512 -> classes.
    Input [N, 3, H, W], outputs [N, classes] logits. The new layers are drawn from torch's global generator; so are
    the convolutions, by He's rule, where no weights are given.

    Args:
        domains: number of heads.
        classes: outputs of a head.
        weights: a file with ImageNet weights; see `load_weights`.
    """
    backbone = _drawn_by_he(Backbone())
    if weights is not None:
        load_weights(backbone, weights)
    hidden = nn.Linear(512, 512)
    nn.init.normal_(hidden.weight, std=0.005)
    nn.init.constant_(hidden.bias, 0.1)
    trunk = nn.Sequential(backbone, _pool(1), hidden, nn.BatchNorm1d(512), nn.ReLU(), nn.Dropout(0.5))
    return MultiTaskNetwork(trunk, [nn.Linear(512, classes) for _ in range(domains)])


def build_faces(tasks: int = 40) -> MultiTaskNetwork:
    """For F-MTL's CelebA (after Sener and Koltun 2018): 11,168,832 shared parameters + 163,920 in 40 heads.

    Trunk: 3 x 3 stem without stride or pooling, features averaged to 2 x 2; heads: 2048 -> 2.
    Input [N, 3, 64, 64], outputs [N, 2] logits of "no" and "yes". Weights are drawn from torch's global generator by
    PyTorch's own rule, as in their code.
    """
    trunk = nn.Sequential(Backbone(small_stem=True), _pool(2))
    return MultiTaskNetwork(trunk, [nn.Linear(4 * WIDTHS[-1], 2) for _ in range(tasks)])


class Backbone(nn.Module):
    """The convolutions of ResNet-18: [N, channels, H, W] -> [N, 512, H / 32, W / 32], rounded up.

    Args:
        channels: of the input.
        small_stem: a 3 x 3 convolution at full resolution instead of 7 x 7 with stride and pooling, for small
            pictures: [N, 512, H / 8, W / 8].
    """

    def __init__(self, channels: int = 3, small_stem: bool = False) -> None:
        super().__init__()
        if small_stem:
            self.conv1 = nn.Conv2d(channels, WIDTHS[0], 3, padding=1, bias=False)
            self.maxpool: nn.Module = nn.Identity()
        else:
            self.conv1 = nn.Conv2d(channels, WIDTHS[0], 7, stride=2, padding=3, bias=False)
            self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = _pair(WIDTHS[0], WIDTHS[0], stride=1)
        self.layer2 = _pair(WIDTHS[0], WIDTHS[1], stride=2)
        self.layer3 = _pair(WIDTHS[1], WIDTHS[2], stride=2)
        self.layer4 = _pair(WIDTHS[2], WIDTHS[3], stride=2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return cast("Tensor", self.layer4(self.layer3(self.layer2(self.layer1(x)))))


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut: [N, inputs, H, W] -> [N, outputs, H / stride, W / stride]."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return cast("Tensor", self.relu(y + self.downsample(x)))


def load_weights(backbone: Backbone, path: Path) -> None:
    """Fill a backbone from a file of torchvision's ResNet-18: safetensors, or a pickle that holds only tensors.

    The classifier (`fc.`) and BatchNorm's counts of batches are left out; everything else must be there and fit.

    Raises:
        ValueError: the file cannot be read as weights, or they are not those of this network; it is named.
    """
    try:
        if path.suffix == ".safetensors":
            found = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
        # What a whole model pickled would give ends here as well: nothing in a file is ever run.
        weights = {name: tensor for name, tensor in found.items() if _wanted(name)}
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"{path}: no weights can be read from it ({reason})") from error
    own = {name: tensor for name, tensor in backbone.state_dict().items() if _wanted(name)}
    faults = [f"{name} is missing" for name in own if name not in weights]
    faults += [f"{name} is not ResNet-18's" for name in weights if name not in own]
    faults += [
        f"{name} has shape {tuple(weights[name].shape)}, not {tuple(own[name].shape)}"
        for name in own
        if name in weights and weights[name].shape != own[name].shape
    ]
    if faults:
        more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise ValueError(f"{path}: {'; '.join(faults[:3])}{more}")
    backbone.load_state_dict(weights, strict=False)


def _wanted(name: str) -> bool:
    return not name.startswith("fc.") and not name.endswith("num_batches_tracked")


def _pair(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(BasicBlock(inputs, outputs, stride), BasicBlock(outputs, outputs, stride=1))


def _pool(side: int) -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(side), nn.Flatten())


def _drawn_by_he(backbone: Backbone) -> Backbone:
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return backbone
