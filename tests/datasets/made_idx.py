"""Small idx files in the layout of MNIST's and Fashion-MNIST's publishers."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def idx(array: NDArray[np.uint8]) -> bytes:
    """An idx file of unsigned bytes."""
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def write_split(folder: Path, prefix: str, values: NDArray[np.uint8]) -> None:
    """An image for each value, all of whose pixels hold it; the labels are 0, 1, ..., 9, 0, 1, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    images = np.repeat(values, 28 * 28).reshape(-1, 28, 28)
    (folder / f"{prefix}-images-idx3-ubyte").write_bytes(idx(images))
    (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(idx(np.arange(len(values), dtype=np.uint8) % 10))
