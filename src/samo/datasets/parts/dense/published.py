"""From MTAN's folders to compact arrays: which images, what size, what is kept of them, and their datasheet."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from pydantic import Field
from torch.nn.functional import interpolate

from samo.datasets.parts.dense.folders import CHANNELS, Layout
from samo.datasets.parts.prepared import mapped
from samo.datasets.parts.tasks import SPLITS
from samo.training import settings

SAMPLE = 1 << 21
"""Medians and angles are taken over about so many pixels, evenly spaced over the split; counts over all."""

FLAT = 1e-5
"""A constant guess that is off by less than this is right, but for rounding."""


def describe(out: Path, classes: Sequence[str]) -> dict[str, Any]:
    """Counts, shapes, class shares, void and missing shares of `<split>_*.npy` in `out`, and the constant guesses.

    `constant_guess` is what the training split's most frequent class, median depth and mean normal get on that
    split: 1 - mIoU, absolute error, mean angle in degrees.

    Raises:
        ValueError: a split has no labelled pixel, or none of known depth or normal; or a constant guess is right
            everywhere on the training split, so that there is nothing to learn, and no error to compare with.
    """
    sheet: dict[str, Any] = {"classes": list(classes), "splits": {}}
    for split in SPLITS:
        paths = {kind: out / f"{split}_{kind}.npy" for kind in STORED}
        arrays = {kind: mapped(path) for kind, path in paths.items() if path.exists()}
        label = arrays["label"]
        counts = np.sum([np.bincount(view.ravel() + 1, minlength=len(classes) + 1) for view in label], axis=0)
        if not counts[1:].any():
            raise ValueError(f"no pixel of the split {split} has a class: all labels are void")
        for kind in ("depth", "normal"):
            if kind in arrays and not any(view.any() for view in arrays[kind]):
                raise ValueError(f"no pixel of the split {split} has a {kind}: all are missing")
        depth = _pixels(arrays["depth"])[:, 0]
        known = depth[depth != 0]
        shares = counts[1:] / counts[1:].sum()
        sheet["splits"][split] = {
            "images": len(label),
            "class_shares": shares.round(5).tolist(),
            "void_share": round(float(counts[0] / counts.sum()), 5),
            "missing_depth_share": round(1 - len(known) / len(depth), 5),
            "depth_quantiles_0_25_50_75_100": np.quantile(known, (0, 0.25, 0.5, 0.75, 1)).round(5).tolist(),
        }
        if split == "train":
            sheet["height"], sheet["width"] = label.shape[1:]
            guess = sheet["constant_guess"] = {
                "segmentation": 1 - float(shares.max() / (shares > 0).sum()),
                "depth": float(np.abs(known - np.median(known)).mean()),
            }
            if "normal" in arrays:
                guess["normals"] = _angle_to_mean(_pixels(arrays["normal"]))
            if flat := [name for name, error in guess.items() if error < FLAT]:
                raise ValueError(f"{flat[0]} is the same at every pixel of the split train: there is nothing to learn")
    return sheet


def _angle_to_mean(normals: NDArray[np.float64]) -> float:
    normals = normals[normals.any(1)]
    mean = normals.mean(0)
    cosine = normals @ mean / np.linalg.norm(mean) / np.linalg.norm(normals, axis=1)
    return float(np.degrees(np.arccos(cosine.clip(-1, 1))).mean())


def _pixels(array: NDArray[Any]) -> NDArray[np.float64]:
    """Some pixels of [N, C, H, W] as [M, C]: every n-th of each image, which starts elsewhere in each."""
    images, channels = array.shape[:2]
    step = max(1, array.size // channels // SAMPLE)
    flat = array.reshape(images, channels, -1)
    return np.concatenate([view[:, k % step :: step].T for k, view in enumerate(flat)]).astype(np.float64)


RUN = 5
"""Validation images are taken in runs of neighbours: single ones would have a twin of the same room next door."""
STORED: dict[str, type] = {"image": np.uint8, "label": np.int8, "depth": np.float32, "normal": np.float16}
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

    train: settings.Count
    val: settings.Count
    test: settings.Count
    height: Height
    width: Width
    train_on_val: bool = False


def prepare(raw: Path, out: Path, data: Data, layout: Layout) -> dict[str, Any]:
    """Write `<split>_<kind>.npy` as `samo.datasets.parts.dense.split` reads them; return the datasheet.

    Images are stored in 8 bits a channel, as the cameras gave them, normals in half precision, depth in single.
    """
    size = (data.height, data.width)
    for split, numbers in choose(data, **layout.images).items():
        for kind in layout.folders:
            shape = (len(numbers), *CHANNELS[kind], *size)
            array = open_memmap(out / f"{split}_{kind}.npy", mode="w+", dtype=STORED[kind], shape=shape)
            for k, n in enumerate(numbers):
                array[k] = _compact(layout.read(raw, "val" if split == "test" else "train", kind, n), kind, size)
            array.flush()
    used = {split: getattr(data, split) for split in SPLITS}
    trained = data.train + (0 if data.train_on_val else data.val)
    part = trained < layout.images["train"] or data.test < layout.images["val"]
    return {
        "what": layout.what,
        "subset_of": layout.images,
        "left_out": f"images beyond {used}, evenly spaced over the published order" if part else "none",
        "train_on_val": data.train_on_val,
        **describe(out, layout.classes),
    }


def choose(data: Data, train: int, val: int) -> dict[str, list[int]]:
    """The numbers of the images of each split, of so many in "train" and in "val".

    Validation images come in runs of `RUN` neighbours, evenly spaced over "train"; those to train on are evenly
    spaced over the rest (with `train_on_val`, over all), those to test on over "val".

    Raises:
        ValueError: more are asked for than there are.
    """
    every = np.arange(train)
    runs = np.array_split(every, -(-train // RUN))
    needed = -(-data.val // RUN) + 1  # runs may be one short of RUN
    held = np.concatenate([runs[i] for i in _spaced(len(runs), min(needed, len(runs)))])[: data.val]
    rest = every if data.train_on_val else np.setdiff1d(every, held)
    if len(held) < data.val or len(rest) < data.train:
        raise ValueError(
            f"train: {data.train} and val: {data.val} are asked of the {train} images in train; "
            f"with so many for val, train is at most {len(rest)}"
        )
    if data.test > val:
        raise ValueError(f"test: {data.test} are asked of the {val} images in val")
    chosen = {"train": rest[_spaced(len(rest), data.train)], "val": held, "test": _spaced(val, data.test)}
    return {split: numbers.tolist() for split, numbers in chosen.items()}


def _spaced(n: int, k: int) -> NDArray[np.intp]:
    """`k` of 0 … n - 1, evenly spaced, each once."""
    return np.arange(k) * n // k


def _compact(array: NDArray[Any], kind: str, size: tuple[int, int]) -> NDArray[Any]:
    """One file's array, channels first, of the wanted size: images are averaged, all else is the nearest pixel's."""
    whole = torch.from_numpy(array.astype(np.float32)).view(*array.shape[:2], -1).permute(2, 0, 1)
    if whole.shape[1:] != size:
        how: dict[str, Any] = {"mode": "bilinear", "antialias": True} if kind == "image" else {"mode": "nearest-exact"}
        whole = interpolate(whole[None], size, **how)[0]
    if kind == "image":
        whole = (255 * whole).round().clamp(0, 255)
    return whole.reshape(*CHANNELS[kind], *size).numpy()
