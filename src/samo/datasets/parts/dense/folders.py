"""The .npy folders in which MTAN's authors publish NYUv2 and Cityscapes, checked and read.

    {train,val}/image/<n>.npy   [H, W, 3] in 0..1
    {train,val}/label/<n>.npy   [H, W], whole numbers, -1 for void
    {train,val}/depth/<n>.npy   [H, W, 1], 0 where missing
    {train,val}/normal/<n>.npy  [H, W, 3], 0 where missing (NYUv2 only)

with n from 0 on. Their "val" holds the papers' test images.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samo.datasets.parts.prepared import load
from samo.datasets.parts.sources import FAULTS, Given

LARGEST = float(np.finfo(np.float32).max)
CHANNELS = {"image": (3,), "label": (), "depth": (1,), "normal": (3,)}


@dataclass(frozen=True)
class Layout:
    """What one data set's folders hold.

    Attributes:
        what: a line for the datasheet.
        folders: kind ("image", "label", "depth", "normal") -> its folder's name, or names that are as good.
        images: number of images in "train" and "val".
        classes: their names.
    """

    what: str
    folders: dict[str, tuple[str, ...]]
    images: dict[str, int]
    classes: tuple[str, ...]

    def given(self) -> Given:
        """What a person must bring."""
        kinds, (train, val) = ",".join(names[0] for names in self.folders.values()), self.images.values()
        layout = f"{{train,val}}/{{{kinds}}}/<n>.npy, n from 0 to {train - 1} (train) and {val - 1} (val)"
        return Given(self.what, "https://github.com/lorenmt/mtan", layout, self.check)

    def check(self, root: Path) -> list[str]:
        """What is wrong in `root`, at most `FAULTS` lines; every file is read."""
        return list(islice((fault for split in self.images for fault in self._faults(root, split)), FAULTS))

    def read(self, root: Path, split: str, kind: str, n: int) -> NDArray[Any]:
        """One file's array.

        Raises:
            ValueError: it is no such array, or holds what it must not; the message names it.
        """
        path = self._folder(root, split, kind) / f"{n}.npy"
        array = load(path)
        if fault := self._fault(array, kind):
            raise ValueError(f"{path}: {fault}")
        return array

    def _folder(self, root: Path, split: str, kind: str) -> Path:
        for name in self.folders[kind]:
            if (root / split / name).is_dir():
                return root / split / name
        raise ValueError(f"{root / split}: the folder {' or '.join(self.folders[kind])} is missing")

    def _faults(self, root: Path, split: str) -> Iterator[str]:
        if not (root / split).is_dir():
            elsewhere = min(root.glob(f"*/{split}"), default=None)
            hint = f"; it lies in {elsewhere.parent}: move it up" if elsewhere else ""
            yield f"{root / split}: no such folder{hint}"
            return
        size: tuple[int, ...] | None = None
        for kind in self.folders:
            try:
                folder = self._folder(root, split, kind)
            except ValueError as error:
                yield str(error)
                continue
            found = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
            wanted = {f"{n}.npy": n for n in range(self.images[split])}
            missing = [name for name in wanted if name not in found]
            if len(missing) > 3:
                there = len(wanted) - len(missing)
                yield f"{folder}: {there} of {len(wanted)} files; {missing[0]}, {missing[1]}, … are missing"
            else:
                yield from (f"{folder / name}: missing" for name in missing)
            spare = sorted(found.difference(wanted), key=lambda name: (len(name), name))  # 9.npy before 10.npy
            yield from (f"{folder / name}: does not belong here" for name in spare)
            for name in (name for name in wanted if name in found):
                try:
                    array = self.read(root, split, kind, wanted[name])
                except ValueError as error:
                    yield str(error)
                    continue
                size = size or array.shape[:2]
                if array.shape[:2] != size:
                    yield f"{folder / name}: {array.shape[:2]} pixels, others have {size}"

    def _fault(self, array: NDArray[Any], kind: str) -> str:
        if array.ndim != 2 + len(CHANNELS[kind]) or array.shape[2:] != CHANNELS[kind] or not array.size:
            return f"shape {array.shape}, not ({', '.join(['H', 'W', *map(str, CHANNELS[kind])])})"
        if not np.isfinite(array).all():
            return "holds NaN or infinite values"
        low, high = float(array.min()), float(array.max())
        said = f"values from {low:g} to {high:g}"
        if max(-low, high) > LARGEST:
            return f"{said}, more than single precision holds"
        if kind == "image" and not -0.001 <= low <= high <= 1.001:
            return f"{said}, not 0 to 1"
        if kind == "label" and not (-1 <= low <= high < len(self.classes) and np.array_equal(array, np.rint(array))):
            return f"{said}, not whole numbers from -1 to {len(self.classes) - 1}"
        if kind == "normal" and not -1.001 <= low <= high <= 1.001:
            return f"{said}, not -1 to 1"
        return ""
