"""A split of views in .npy files, mapped into memory, and the papers' augmentation of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from samo.datasets.parts.arrays import Rows, RowSplit
from samo.datasets.parts.prepared import mapped
from samo.models.segnet import unit_length
from samo.optim.process_group import Group, share_of

PIXELS = 2**18
"""Of a batch at most outside training: 2 images of 288 x 384 or 8 of 128 x 256, as in the papers' training."""

SCALES = (1.0, 1.2, 1.5)


class Views(NamedTuple):
    """A batch.

    Attributes:
        image: 0 to 1 [N, 3, H, W].
        label: class, -1 for void [N, H, W].
        depth: 0 where missing [N, 1, H, W].
        normal: unit, 0 where missing [N, 3, H, W]; None where the data have none.
    """

    image: Tensor
    label: Tensor
    depth: Tensor
    normal: Tensor | None


class DenseSplit(RowSplit):
    """Views of one split: `<split>_image.npy` (uint8 [N, 3, H, W]), `_label.npy` (int8 [N, H, W]), `_depth.npy`
    (float32 [N, 1, H, W]) and perhaps `_normal.npy` (float16 [N, 3, H, W]).

    `augmented`: whether shuffled batches are augmented, anew each time; their generator draws that, too.
    """

    def __init__(self, folder: Path, split: str, augmented: bool) -> None:
        normal = ["normal"] if (folder / f"{split}_normal.npy").exists() else []
        self.arrays = [mapped(folder / f"{split}_{kind}.npy") for kind in ("image", "label", "depth", *normal)]
        self.augmented = augmented
        self.at_most = max(1, PIXELS // self.arrays[1][0].size)

    def __len__(self) -> int:
        return len(self.arrays[1])

    def batches(
        self, size: int, device: torch.device, shuffle: torch.Generator | None = None, group: Group | None = None
    ) -> Iterator[Views]:
        for views in super().batches(size, device, shuffle, group):
            made = views if shuffle is None or not self.augmented else augment(views, shuffle, group)
            # Networks are a quarter to a third faster so on a CPU.
            yield made._replace(image=made.image.contiguous(memory_format=torch.channels_last))

    def take(self, rows: Rows, device: torch.device) -> Views:
        image, label, depth, *normals = (torch.from_numpy(array[rows]).to(device) for array in self.arrays)
        normal = unit_length(normals[0].float()) if normals else None
        return Views(image.float().div_(255), label.long(), depth, normal)


def augment(views: Views, generator: torch.Generator, group: Group | None = None) -> Views:
    """Each view zoomed by one of `SCALES` at a random place and flipped left to right in half of the cases.

    As in MTAN's code: the zoom crops and resizes, images and normals by interpolation between the corners' centres,
    labels and depth by the nearest pixel, and divides the depth by the scale; a flip turns the normals' first
    component. Unlike there, interpolated normals are brought back to unit length.

    Args:
        group: the ranks that share the batch; the generator draws for all of it, and these views are one rank's.
    """
    n, _, height, width = views.image.shape
    device = views.image.device
    whole = n if group is None else n * group.size()
    choice = share_of(torch.randint(len(SCALES), (whole,), generator=generator), group)
    corner = share_of(torch.rand(whole, 2, generator=generator), group)
    flip = share_of(torch.rand(whole, generator=generator) < 0.5, group).to(device)
    smooth, nearest = [], []
    for axis, side in enumerate((height, width)):
        window = torch.tensor([int(side / scale) for scale in SCALES])[choice]
        start = (corner[:, axis] * (side - window + 1)).int().clamp(max=side - window)
        window, start = window[:, None].to(device), start[:, None].to(device)
        place = torch.arange(side, device=device).expand(n, side)
        if axis:
            place = torch.where(flip[:, None], place.flip(1), place)
        smooth.append((start + place * (window - 1) / (side - 1)) * (2 / (side - 1)) - 1)
        nearest.append(start + place * window // side)
    rows, columns = nearest[0][:, :, None], nearest[1][:, None, :]
    grid = torch.stack([part.expand(n, height, width) for part in (smooth[1][:, None, :], smooth[0][:, :, None])], -1)

    def interpolated(part: Tensor) -> Tensor:
        return grid_sample(part, grid, padding_mode="border", align_corners=True)

    each = torch.arange(n, device=device)[:, None, None]
    normal = views.normal
    if normal is not None:
        normal = unit_length(interpolated(normal))
        normal[:, 0] *= torch.where(flip, -1.0, 1.0)[:, None, None]
    scale = torch.tensor(SCALES)[choice].to(device)
    return Views(
        image=interpolated(views.image),
        label=views.label[each, rows, columns],
        depth=views.depth[each, 0, rows, columns][:, None] / scale[:, None, None, None],
        normal=normal,
    )
