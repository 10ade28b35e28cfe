"""SegNet (Badrinarayanan et al. 2017) as multi-task work splits it: one encoder-decoder, a small head per task."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from samo.models.multitask import MultiTaskNetwork

WIDTHS = (64, 128, 256, 512, 512)
"""Channels of the five encoder levels; decoder level j gives those of level j - 1 (of level 0 at the top)."""


def build(outputs: Sequence[int], widths: Sequence[int] = WIDTHS, unit: Collection[int] = ()) -> MultiTaskNetwork:
    """One trunk and a head per task of `outputs[i]` channels; the tasks in `unit` give vectors of length 1.

    Input [N, 3, H, W], H and W multiples of 2 to the number of `widths`; outputs [N, outputs[i], H, W], no last
    activation. Weights are drawn from torch's global generator: Xavier's normal distribution, biases 0.
    """
    network = MultiTaskNetwork(Backbone(widths), heads(outputs, widths[0], unit))
    initialise(network)
    return network


class Levels(NamedTuple):
    """What a pass through the backbone computes, a tensor per level, finest first.

    Attributes:
        entering: after the first convolution of an encoder level.
        leaving: after its last.
        unpooled: what a decoder level starts from.
        decoded: what it gives; the first is the backbone's output.
    """

    entering: list[Tensor]
    leaving: list[Tensor]
    unpooled: list[Tensor]
    decoded: list[Tensor]


class Backbone(nn.Module):
    """Encoder and decoder; the decoder unpools to where the encoder found its maxima."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        below, above = (3, *widths[:-1]), (widths[0], *widths[:-1])
        depth = [1 if level < 2 else 2 for level in range(len(widths))]
        self.encoder_in = nn.ModuleList(block(a, b) for a, b in zip(below, widths, strict=True))
        self.encoder_out = nn.ModuleList(_blocks(w, n) for w, n in zip(widths, depth, strict=True))
        self.decoder_in = nn.ModuleList(block(a, b) for a, b in zip(widths, above, strict=True))
        self.decoder_out = nn.ModuleList(_blocks(w, n) for w, n in zip(above, depth, strict=True))

    def forward(self, x: Tensor) -> Tensor:
        """Features [N, widths[0], H, W]."""
        return self.levels(x).decoded[0]

    def levels(self, x: Tensor) -> Levels:
        entering, leaving, indices = [], [], []
        for into, out in zip(self.encoder_in, self.encoder_out, strict=True):
            entering.append(into(x))
            leaving.append(out(entering[-1]))
            x, where = F.max_pool2d(leaving[-1], 2, return_indices=True)
            indices.append(where)
        unpooled, decoded = [], []
        for into, out, where in reversed(list(zip(self.decoder_in, self.decoder_out, indices, strict=True))):
            unpooled.append(F.max_unpool2d(x, where, (2, 2)))
            x = out(into(unpooled[-1]))
            decoded.append(x)
        return Levels(entering, leaving, unpooled[::-1], decoded[::-1])


class UnitLength(nn.Module):
    """Vectors over the channels, brought to length 1."""

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> the same shape."""
        return unit_length(x)


def unit_length(x: Tensor) -> Tensor:
    """Vectors over dimension 1 brought to length 1. Ten times as fast as `torch.nn.functional.normalize` on a CPU.

    Those shorter than 0.001 stay shorter than 1, and 0 stays 0, so that no gradient is over a thousand times too long.
    """
    return x * x.square().sum(1, keepdim=True).clamp(min=1e-6).rsqrt()


def heads(outputs: Sequence[int], width: int, unit: Collection[int]) -> list[nn.Module]:
    """A 3 x 3 and a 1 x 1 convolution per task, `width` channels to `outputs[i]`; length 1 where i is in `unit`."""
    return [
        nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.Conv2d(width, n, 1),
            *([UnitLength()] if i in unit else []),
        )
        for i, n in enumerate(outputs)
    ]


def block(inputs: int, outputs: int) -> nn.Module:
    """A 3 x 3 convolution, BatchNorm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


@torch.no_grad()
def initialise(network: nn.Module) -> None:
    """Draw every convolution's weights from Xavier's normal distribution; biases 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.xavier_normal_(module.weight)
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]  # every convolution here has one


def _blocks(width: int, n: int) -> nn.Module:
    return nn.Sequential(*(block(width, width) for _ in range(n)))
