"""Multi-task attention network on SegNet (Liu et al. 2019): one shared encoder-decoder, attention masks a task."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTHS = (64, 128, 256, 512, 512)
"""Channels of the five encoder levels; decoder level j gives those of level j - 1 (of level 0 at the top)."""


def build(outputs: Sequence[int] = (7, 1)) -> "MTAN":
    """The network of the papers for dense prediction, one head a task of `outputs[i]` channels.

    Input [N, 3, H, W], H and W multiples of 32, outputs [N, outputs[i], H, W] without a last activation.
    Trunk + heads have 41,132,608 + 74,376 parameters for (7, 1), Cityscapes, and 44,117,184 + 111,889 for
    (13, 1, 3), NYUv2; as in the papers the attention modules of all tasks count as trunk.
    Weights are drawn from torch's global generator: Xavier's normal distribution, biases 0.
    """
    return MTAN(outputs)


class MTAN(nn.Module):
    """A trunk that computes features for the asked tasks, and a small convolutional head a task."""

    def __init__(self, outputs: Sequence[int]) -> None:
        super().__init__()
        self.trunk = AttentionTrunk(len(outputs))
        width = WIDTHS[0]
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, n, 1)) for n in outputs
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_normal_(module.weight)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]  # every convolution here has one

    def forward(self, x: Tensor, tasks: Sequence[int]) -> list[Tensor]:
        """The outputs of the asked tasks; attention and heads of the others are not run."""
        return [self.heads[i](features) for i, features in zip(tasks, self.trunk(x, tasks), strict=True)]


class AttentionTrunk(nn.Module):
    """SegNet, and for each task a chain of masks over its encoder's and decoder's features."""

    def __init__(self, tasks: int) -> None:
        super().__init__()
        below = (3, *WIDTHS[:-1])
        above = (WIDTHS[0], *WIDTHS[:-1])
        depth = (1, 1, 2, 2, 2)
        self.encoder_in = nn.ModuleList(_block(a, b) for a, b in zip(below, WIDTHS, strict=True))
        self.encoder_out = nn.ModuleList(
            nn.Sequential(*(_block(w, w) for _ in range(n))) for w, n in zip(WIDTHS, depth, strict=True)
        )
        self.decoder_in = nn.ModuleList(_block(a, b) for a, b in zip(WIDTHS, above, strict=True))
        self.decoder_out = nn.ModuleList(
            nn.Sequential(*(_block(w, w) for _ in range(n))) for w, n in zip(above, depth, strict=True)
        )
        # What joins one mask to the next is shared by the tasks.
        self.encoder_join = nn.ModuleList(_block(a, b) for a, b in zip(WIDTHS, (*WIDTHS[1:], WIDTHS[-1]), strict=True))
        self.decoder_join = nn.ModuleList(_block(a, b) for a, b in zip(WIDTHS, above, strict=True))
        masks_in = [(w if level == 0 else 2 * w, w) for level, w in enumerate(WIDTHS)]
        masks_out = [(a + b, b) for a, b in zip(WIDTHS, above, strict=True)]
        self.encoder_masks = nn.ModuleList(nn.ModuleList(_mask(a, b) for a, b in masks_in) for _ in range(tasks))
        self.decoder_masks = nn.ModuleList(nn.ModuleList(_mask(a, b) for a, b in masks_out) for _ in range(tasks))

    def forward(self, x: Tensor, tasks: Sequence[int]) -> list[Tensor]:
        """Features [N, 64, H, W] for each of the asked tasks."""
        levels = range(len(WIDTHS))
        entering, leaving, indices = [], [], []
        for level in levels:
            entering.append(self.encoder_in[level](x))
            leaving.append(self.encoder_out[level](entering[-1]))
            x, where = F.max_pool2d(leaving[-1], 2, return_indices=True)
            indices.append(where)
        unpooled, decoded = {}, {}
        for level in reversed(levels):
            unpooled[level] = F.max_unpool2d(x, indices[level], (2, 2))
            x = decoded[level] = self.decoder_out[level](self.decoder_in[level](unpooled[level]))

        features = []
        for i in tasks:
            carried: list[Tensor] = []
            for level in levels:
                mask = self.encoder_masks[i][level](torch.cat([entering[level], *carried], dim=1))  # type: ignore[index]
                carried = [F.max_pool2d(self.encoder_join[level](mask * leaving[level]), 2)]
            y = carried[0]
            for level in reversed(levels):
                y = F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=True)
                y = self.decoder_join[level](y)
                y = self.decoder_masks[i][level](torch.cat([unpooled[level], y], dim=1)) * decoded[level]  # type: ignore[index]
            features.append(y)
        return features


def _block(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _mask(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 1),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 1),
        nn.BatchNorm2d(outputs),
        nn.Sigmoid(),
    )
