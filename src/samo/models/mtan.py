"""Multi-task attention network on SegNet (Liu et al. 2019): one shared encoder-decoder, attention masks per task."""

import copy
from collections.abc import Collection, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from samo.models.multitask import MultiTaskNetwork, TaskTrunk
from samo.models.segnet import WIDTHS, Backbone, block, heads, initialise


def build(
    outputs: Sequence[int] = (7, 1), widths: Sequence[int] = WIDTHS, unit: Collection[int] = ()
) -> MultiTaskNetwork:
    """The network of the papers for dense prediction, one head per task of `outputs[i]` channels.

    Input [N, 3, H, W], H and W multiples of 2 to the number of `widths`, outputs [N, outputs[i], H, W] without a
    last activation; the tasks in `unit` (normals) give vectors of length 1.
    Trunk + heads have 41,132,608 + 74,376 parameters for (7, 1), Cityscapes, and 44,117,184 + 111,889 for
    (13, 1, 3), NYUv2; as in the papers the attention modules of all tasks count as trunk.
    Weights are drawn from torch's global generator: Xavier's normal distribution, biases 0.
    """
    network = MultiTaskNetwork(AttentionTrunk(len(outputs), widths), heads(outputs, widths[0], unit))
    initialise(network)
    return network


class AttentionTrunk(TaskTrunk):
    """SegNet, and for each task a chain of masks over its encoder's and decoder's features."""

    def __init__(self, tasks: int, widths: Sequence[int]) -> None:
        super().__init__()
        above = (widths[0], *widths[:-1])
        self.backbone = Backbone(widths)
        # What joins one mask to the next is shared by the tasks.
        self.encoder_join = nn.ModuleList(block(a, b) for a, b in zip(widths, (*widths[1:], widths[-1]), strict=True))
        self.decoder_join = nn.ModuleList(block(a, b) for a, b in zip(widths, above, strict=True))
        masks_in = [(w if level == 0 else 2 * w, w) for level, w in enumerate(widths)]
        masks_out = [(a + b, b) for a, b in zip(widths, above, strict=True)]
        self.encoder_masks = nn.ModuleList(nn.ModuleList(_mask(a, b) for a, b in masks_in) for _ in range(tasks))
        self.decoder_masks = nn.ModuleList(nn.ModuleList(_mask(a, b) for a, b in masks_out) for _ in range(tasks))

    def single(self, task: int) -> "AttentionTrunk":
        own = copy.deepcopy(self)
        own.encoder_masks = own.encoder_masks[task : task + 1]
        own.decoder_masks = own.decoder_masks[task : task + 1]
        return own

    def forward(self, x: Tensor, tasks: Sequence[int]) -> list[Tensor]:
        """Features [N, widths[0], H, W] for each of the asked tasks."""
        entering, leaving, unpooled, decoded = self.backbone.levels(x)
        levels = range(len(entering))
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


def _mask(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 1),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 1),
        nn.BatchNorm2d(outputs),
        nn.Sigmoid(),
    )
