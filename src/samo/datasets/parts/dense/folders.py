"""The .npy folders in which MTAN's authors publish NYUv2 and Cityscapes, checked and read.

    {train,val}/image/<n>.npy   [H, W, 3] in 0..1
    {train,val}/label/<n>.npy   [H, W], whole numbers, -1 for void
    {train,val}/depth/<n>.npy   [H, W, 1], 0 where missing
    {train,val}/normal/<n>.npy  [H, W, 3], 0 where missing (NYUv2 only)

with n from 0 on. Their "val" holds the papers' test images.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samo.datasets.parts.sources import FAULTS

LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Layout:
    """What one data set's folders hold.

    Attributes:
        folders: kind ("image", "label", "depth", "normal") -> its folder's name, or names that are as good.
        images: number of images in "train" and "val".
        classes: number of classes.
    """

    folders: dict[str, tuple[str, ...]]
    images: dict[str, int]
    classes: int

    def check(self, root: Path) -> list[str]:
        """What is wrong in `root`, at most `FAULTS` lines; every file is read."""
        return list(islice(self._faults(root), FAULTS))

    def folder(self, root: Path, split: str, kind: str) -> Path | None:
        """Where the files of a kind lie; None where there is no such folder."""
        places = (root / split / name for name in self.folders[kind])
        return next((place for place in places if place.is_dir()), None)

    def read(self, root: Path, split: str, kind: str, n: int) -> NDArray[Any]:
        """One file's array.

        Raises:
            ValueError: it is no such array, or holds what it must not; the message names it.
        """
        folder = self.folder(root, split, kind)
        if folder is None:
            raise ValueError(f"{root / split}: the folder {self.folders[kind][0]} is missing")
        path = folder / f"{n}.npy"
        array = _load(path)
        if fault := _shape_fault(array, kind) or self._value_fault(array, kind):
            raise ValueError(f"{path}: {fault}")
        return array

    def _faults(self, root: Path) -> Iterator[str]:
        for split, count in self.images.items():
            if not (root / split).is_dir():
                elsewhere = next(iter(sorted(root.glob(f"*/{split}"))), None)
                hint = f"; it lies in {elsewhere.parent}: move it up" if elsewhere else ""
                yield f"{root / split}: no such folder{hint}"
                continue
            size: tuple[int, ...] | None = None
            for kind, names in self.folders.items():
                folder = self.folder(root, split, kind)
                if folder is None:
                    yield f"{root / split}: the folder {' or '.join(names)} is missing"
                    continue
                yield from _name_faults(folder, count)
                for n in range(count):
                    if not os.path.lexists(folder / f"{n}.npy"):
                        continue
                    try:
                        array = self.read(root, split, kind, n)
                    except ValueError as error:
                        yield str(error)
                        continue
                    size = size or array.shape[:2]
                    if array.shape[:2] != size:
                        yield f"{folder / f'{n}.npy'}: {array.shape[:2]} pixels, others have {size}"

    def _value_fault(self, array: NDArray[Any], kind: str) -> str:
        if not np.isfinite(array).all():
            return "holds NaN or infinite values"
        low, high = float(array.min()), float(array.max())
        if max(-low, high) > LARGEST:
            return f"values from {low:g} to {high:g}, more than single precision holds"
        if kind == "image" and not -0.001 <= low <= high <= 1.001:
            return f"values from {low:g} to {high:g}, not 0 to 1"
        if kind == "label" and not (-1 <= low <= high < self.classes and np.array_equal(array, np.rint(array))):
            return f"values from {low:g} to {high:g}, not whole numbers from -1 to {self.classes - 1}"
        if kind == "normal" and not -1.001 <= low <= high <= 1.001:
            return f"values from {low:g} to {high:g}, not -1 to 1"
        return ""


def _load(path: Path) -> NDArray[Any]:
    """The array of a .npy file of numbers. Nothing in it is ever run."""
    try:
        array: NDArray[Any] = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except Exception as error:  # whatever a file may hold
        reason = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise ValueError(f"{path}: not a whole .npy file of numbers ({reason})") from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise ValueError(f"{path}: not an array of numbers")
    return array


def _shape_fault(array: NDArray[Any], kind: str) -> str:
    last = {"image": (3,), "label": (), "depth": (1,), "normal": (3,)}[kind]
    if array.ndim != 2 + len(last) or array.shape[2:] != last or not array.size:
        wanted = ", ".join(["H", "W", *map(str, last)])
        return f"shape {array.shape}, not ({wanted})"
    return ""


def _name_faults(folder: Path, count: int) -> Iterator[str]:
    """Files that are missing, summed up where they are many, and files that do not belong here."""
    found = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    wanted = {f"{n}.npy" for n in range(count)}
    missing = sorted(wanted - found, key=_number)
    if len(missing) > 3:
        yield f"{folder}: {len(wanted & found)} of {count} files; {missing[0]}, {missing[1]}, … are missing"
    else:
        yield from (f"{folder / name}: missing" for name in missing)
    yield from (f"{folder / name}: does not belong here" for name in sorted(found - wanted, key=_number))


def _number(name: str) -> tuple[int, str]:
    digits = re.match(r"\d{1,9}", name)
    return (int(digits[0]) if digits else -1, name)
