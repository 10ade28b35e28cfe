"""What a dataset's `prepare` has written, as its `problem` reads it: whole, or refused by name."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_REMEDY = "remove its folder, and `dvc repro` prepares it again"


def mapped(path: Path) -> NDArray[Any]:
    """The array of a .npy file, mapped into memory; nothing in it is ever run.

    Raises:
        ValueError: it is missing, cut or no array of numbers.
    """
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # whatever a file may hold
        raise ValueError(f"{path}: no whole array ({_reason(error)}): {_REMEDY}") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise ValueError(f"{path}: not an array of numbers: {_REMEDY}")
    return array


def sheet(folder: Path, *keys: str) -> dict[str, Any]:
    """The datasheet beside the arrays.

    Raises:
        ValueError: it is missing, is not JSON, or lacks one of these keys.
    """
    path = folder / "datasheet.json"
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: no datasheet ({_reason(error)}): {_REMEDY}") from error
    missing = [key for key in keys if not isinstance(found, dict) or key not in found]
    if missing or not isinstance(found, dict):
        raise ValueError(f"{path}: no {', '.join(missing) or 'datasheet'}: {_REMEDY}")
    return found


def _reason(error: Exception) -> str:
    text = str(getattr(error, "strerror", None) or error) or type(error).__name__
    return text.splitlines()[0][:200]
