"""A split of views in .npy files, mapped into memory, and the papers' augmentation of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample

from samo.datasets.parts.prepared import mapped
from samo.models.segnet import unit_length
from samo.optim.process_group import Group, share_of

PIXELS = 2**18
"""What a batch holds at most outside training, where any size may be asked for: 2 images of 288 x 384 or 8 of
128 x 256, as in the papers' training batches, so that evaluation takes no more memory than training."""

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


class DenseSplit:
    """Views of one split, read as they are asked for.

    Args:
        folder: where `<split>_image.npy` (uint8 [N, 3, H, W]), `_label.npy` (int8 [N, H, W]), `_depth.npy`
            (float32 [N, 1, H, W]) and perhaps `_normal.npy` (float16 [N, 3, H, W]) lie.
        split: "train", "val" or "test".
        augmented: whether shuffled batches are augmented.
    """

    def __init__(self, folder: Path, split: str, augmented: bool) -> None:
        def read(kind: str) -> NDArray[Any]:
            return mapped(folder / f"{split}_{kind}.npy")

        self.image, self.label, self.depth = read("image"), read("label"), read("depth")
        self.normal = read("normal") if (folder / f"{split}_normal.npy").exists() else None
        self.augmented = augmented

    def __len__(self) -> int:
        return len(self.label)

    def batches(
        self,
        size: int,
        device: torch.device,
        shuffle: torch.Generator | None = None,
        group: Group | None = None,
    ) -> Iterator[Views]:
        """Batches of `size`, or of as many as `PIXELS` allow without a generator; see `samo.training.problem.Split`.

        With a generator every view is augmented anew, if this split is; the generator draws that, too.
        """
        n = len(self)
        if shuffle is None:
            size = min(size, max(1, PIXELS // int(np.prod(self.label.shape[1:]))))
            for start in range(0, n, size):
                yield self._read(slice(start, start + size), device)
            return
        order = torch.randperm(n, generator=shuffle).numpy()
        for start in range(0, n - n % size, size):
            views = self._read(share_of(order[start : start + size], group), device)
            yield augment(views, shuffle, group) if self.augmented else views

    def _read(self, chosen: slice | NDArray[np.int64], device: torch.device) -> Views:
        def read(array: NDArray[Any]) -> Tensor:
            return torch.from_numpy(np.array(array[chosen])).to(device)

        return Views(
            image=read(self.image).float().div_(255),
            label=read(self.label).long(),
            depth=read(self.depth),
            normal=None if self.normal is None else unit_length(read(self.normal).float()),
        )


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
    grid = torch.stack(
        [smooth[1][:, None, :].expand(n, height, width), smooth[0][:, :, None].expand(n, height, width)], -1
    )

    def interpolated(part: Tensor) -> Tensor:
        return grid_sample(part, grid, padding_mode="border", align_corners=True)

    each = torch.arange(n, device=device)[:, None, None]
    normal = views.normal
    if normal is not None:
        turned = torch.where(flip, -1.0, 1.0)[:, None, None]
        normal = unit_length(interpolated(normal))
        normal = torch.cat([normal[:, :1] * turned[:, None], normal[:, 1:]], dim=1)
    scale = torch.tensor(SCALES)[choice].to(device)
    return Views(
        image=interpolated(views.image),
        label=views.label[each, rows, columns],
        depth=views.depth[each, 0, rows, columns][:, None] / scale[:, None, None, None],
        normal=normal,
    )
