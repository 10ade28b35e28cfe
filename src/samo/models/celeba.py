"""The nine-layer network for 64 x 64 faces and 40 attributes (FAMO, Liu et al. 2023): 5,176,640 + 20,520 weights."""

from torch import nn

from samo.models.multitask import MultiTaskNetwork


def build(tasks: int = 40) -> MultiTaskNetwork:
    """Trunk: seven 3 x 3 convolutions (64, 128 x 2, 256 x 2, 512 x 2) and two fully connected layers of 512.

    All nine are without bias and followed by BatchNorm and ReLU. Heads: 512 -> 1.
    Input [N, 3, 64, 64], outputs [N, 1] logits. Weights are drawn from torch's global generator.
    """
    pool = nn.MaxPool2d(2)
    trunk = nn.Sequential(
        *_convolution(3, 64),
        pool,
        *_convolution(64, 128),
        *_convolution(128, 128),
        pool,
        *_convolution(128, 256),
        *_convolution(256, 256),
        pool,
        *_convolution(256, 512),
        *_convolution(512, 512),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        *_fully_connected(512, 512),
        *_fully_connected(512, 512),
    )
    return MultiTaskNetwork(trunk, [nn.Linear(512, 1) for _ in range(tasks)])


def _convolution(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


def _fully_connected(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs), nn.ReLU(inplace=True)]
