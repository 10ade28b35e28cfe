"""Arrays in .npy files, and what a dataset's `prepare` has written, as its `problem` reads it: whole, or refused."""

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

_REMEDY = "remove its folder, and `dvc repro` prepares it again"


def load(path: Path, mmap_mode: Literal["r"] | None = None) -> NDArray[Any]:
    """The array of a .npy file of numbers; nothing in it is ever run.

    Raises:
        ValueError: it is missing, cut or no array of numbers.
    """
    try:
        array: NDArray[Any] = np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
    except Exception as error:  # whatever a file may hold
        raise ValueError(f"{path}: not a whole .npy file of numbers ({_reason(error)})") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise ValueError(f"{path}: not an array of numbers")
    return array


def mapped(path: Path) -> NDArray[Any]:
    """A prepared array, mapped into memory. Raises a ValueError as `load` does, with what to do."""
    try:
        return load(path, "r")
    except ValueError as error:
        raise ValueError(f"{error}: {_REMEDY}") from error


def sheet(folder: Path, *keys: str) -> dict[str, Any]:
    """The datasheet beside the arrays.

    Raises:
        ValueError: it is missing, is not JSON, or lacks one of these keys.
    """
    path = folder / "datasheet.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text())
        missing = [key for key in keys if key not in found]
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(f"{path}: no datasheet ({_reason(error)}): {_REMEDY}") from error
    if missing or not isinstance(found, dict):
        raise ValueError(f"{path}: no {', '.join(missing) or 'datasheet'}: {_REMEDY}")
    return found


def _reason(error: Exception) -> str:
    text = str(getattr(error, "strerror", None) or error) or type(error).__name__
    return text.splitlines()[0][:200]
