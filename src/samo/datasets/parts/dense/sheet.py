"""The datasheet of prepared views, and what a constant guess would get on them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    for split in ("train", "val", "test"):
        label = np.load(out / f"{split}_label.npy", mmap_mode="r", allow_pickle=False)
        counts = np.zeros(len(classes) + 1, np.int64)
        for view in label:
            counts += np.bincount(view.ravel() + 1, minlength=len(counts))
        if not counts[1:].any():
            raise ValueError(f"no pixel of the split {split} has a class: all labels are void")
        for kind in ("depth", "normal"):
            if (path := out / f"{split}_{kind}.npy").exists() and not any(view.any() for view in _views(path)):
                raise ValueError(f"no pixel of the split {split} has a {kind}: all are missing")
        depth = _pixels(out / f"{split}_depth.npy", 1)[:, 0]
        known = depth[depth != 0]
        sheet["splits"][split] = {
            "images": len(label),
            "class_shares": (counts[1:] / max(1, counts[1:].sum())).round(5).tolist(),
            "void_share": round(float(counts[0] / counts.sum()), 5),
            "missing_depth_share": round(1 - len(known) / len(depth), 5),
            "depth_quantiles_0_25_50_75_100": np.quantile(known, (0, 0.25, 0.5, 0.75, 1)).round(5).tolist(),
        }
        if split == "train":
            sheet["height"], sheet["width"] = label.shape[1:]
            guess = {
                "segmentation": 1 - float(counts[1:].max() / counts[1:].sum() / (counts[1:] > 0).sum()),
                "depth": float(np.abs(known - np.median(known)).mean()),
            }
            if (path := out / "train_normal.npy").exists():
                guess["normals"] = _angle_to_mean(_pixels(path, 3))
            if flat := [name for name, error in guess.items() if error < FLAT]:
                raise ValueError(f"{flat[0]} is the same at every pixel of the split train: there is nothing to learn")
            sheet["constant_guess"] = guess
    return sheet


def _angle_to_mean(normals: NDArray[np.float64]) -> float:
    normals = normals[normals.any(1)]
    mean = normals.mean(0)
    cosine = normals @ mean / np.linalg.norm(mean) / np.linalg.norm(normals, axis=1)
    return float(np.degrees(np.arccos(cosine.clip(-1, 1))).mean())


def _views(path: Path) -> NDArray[Any]:
    found: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return found


def _pixels(path: Path, channels: int) -> NDArray[np.float64]:
    """Some pixels of [N, C, H, W] as [M, C]: every n-th of each image."""
    array = _views(path)
    step = max(1, array.size // channels // SAMPLE)
    flat = array.reshape(len(array), channels, -1)
    # Each image starts elsewhere, so that no column of pixels is left out.
    return np.concatenate([view[:, k % step :: step].T for k, view in enumerate(flat)]).astype(np.float64)
