"""From MTAN's folders to compact arrays: which images, what size, and what is kept of them."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch.nn.functional import interpolate

from samo.datasets.parts.dense.folders import Layout
from samo.datasets.parts.dense.sheet import describe
from samo.training import settings

RUN = 5
"""Validation images are taken in runs of neighbours: single ones would have a twin of the same room next door."""


Height = Annotated[int, Field(ge=8, le=2048)]
Width = Annotated[int, Field(ge=8, le=4096)]


class Data(settings.Settings):
    """Which images, and how large.

    The papers train on all of "train" and look at "val", the test images, alone. Here validation images are held out
    of "train", and what is called "test" is their "val".

    Attributes:
        train, val: number of images from "train"; together at most what is there.
        test: number of images from "val".
        height, width: of the prepared images; the files are resized where they are of another size.
        train_on_val: whether the validation images are also trained on, as in the papers; then nothing may be
            chosen by them (each method's learning rate and rho are given).
    """

    train: Annotated[int, Field(ge=1)]
    val: Annotated[int, Field(ge=1)]
    test: Annotated[int, Field(ge=1)]
    height: Height
    width: Width
    train_on_val: bool = False


def prepare(raw: Path, out: Path, data: Data, layout: Layout, classes: tuple[str, ...]) -> dict[str, Any]:
    """Write `<split>_<kind>.npy` as `samo.datasets.parts.dense.split` reads them; return the datasheet.

    Images are stored in 8 bits a channel, as the cameras gave them, normals in half precision, depth in single.

    Raises:
        ValueError: more images are asked for than there are, or a file is broken; the message names it.
    """
    chosen = choose(data, layout.images["train"], layout.images["val"])
    for split, numbers in chosen.items():
        source = "val" if split == "test" else "train"
        for kind in layout.folders:
            shape, dtype = _stored(kind, data.height, data.width)
            array = np.lib.format.open_memmap(
                out / f"{split}_{kind}.npy", mode="w+", dtype=dtype, shape=(len(numbers), *shape)
            )
            for k, n in enumerate(numbers):
                array[k] = _compact(layout.read(raw, source, kind, n), kind, (data.height, data.width))
            array.flush()
    used = {split: len(numbers) for split, numbers in chosen.items()}
    return {
        "subset_of": layout.images,
        "left_out": f"images beyond {used}, evenly spaced over the published order" if _part(data, layout) else "none",
        "train_on_val": data.train_on_val,
        **describe(out, classes),
    }


def choose(data: Data, n_train: int, n_test: int) -> dict[str, list[int]]:
    """The numbers of the images of each split.

    Validation images come in runs of `RUN` neighbours, evenly spaced over "train"; those to train on are evenly
    spaced over the rest (with `train_on_val`, over all), those to test on over "val".

    Raises:
        ValueError: more are asked for than there are.
    """
    runs = np.array_split(np.arange(n_train), -(-n_train // RUN))
    needed = -(-data.val // RUN) + 1  # runs may be one short of RUN
    held = np.concatenate([runs[i] for i in _spaced(len(runs), min(needed, len(runs)))])[: data.val]
    rest = np.arange(n_train) if data.train_on_val else np.setdiff1d(np.arange(n_train), held)
    if len(held) < data.val or len(rest) < data.train:
        raise ValueError(
            f"train: {data.train} and val: {data.val} are asked of the {n_train} images in train; "
            f"with so many for val, train is at most {len(rest)}"
        )
    if data.test > n_test:
        raise ValueError(f"test: {data.test} are asked of the {n_test} images in val")
    return {
        "train": rest[_spaced(len(rest), data.train)].tolist(),
        "val": held.tolist(),
        "test": _spaced(n_test, data.test).tolist(),
    }


def _spaced(n: int, k: int) -> NDArray[np.intp]:
    """`k` of 0 … n - 1, evenly spaced, each once."""
    return np.arange(k) * n // k


def _part(data: Data, layout: Layout) -> bool:
    used = data.train if data.train_on_val else data.train + data.val
    return used < layout.images["train"] or data.test < layout.images["val"]


def _stored(kind: str, height: int, width: int) -> tuple[tuple[int, ...], type]:
    shape = (height, width)
    return {
        "image": ((3, *shape), np.uint8),
        "label": (shape, np.int8),
        "depth": ((1, *shape), np.float32),
        "normal": ((3, *shape), np.float16),
    }[kind]


def _compact(array: NDArray[Any], kind: str, size: tuple[int, int]) -> NDArray[Any]:
    """One file's array, channels first, of the wanted size: images are averaged, all else is the nearest pixel's."""
    whole = torch.from_numpy(array.astype(np.float32))
    whole = whole[None] if kind == "label" else whole.permute(2, 0, 1)
    if whole.shape[1:] != size:
        how: dict[str, Any] = {"mode": "bilinear", "antialias": True} if kind == "image" else {"mode": "nearest-exact"}
        whole = interpolate(whole[None], size, **how)[0]
    if kind == "image":
        whole = (255 * whole).round().clamp(0, 255)
    return (whole[0] if kind == "label" else whole).numpy()
