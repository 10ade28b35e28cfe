"""Files read and written in one way: whole or not at all, and the same bytes for the same result."""

import json
import math
import os
import tempfile
from pathlib import Path
from typing import Any

DIGITS = 6


def write_bytes(path: Path, data: bytes) -> None:
    """Write beside `path`, flush, then rename: a reader sees the old file or the new, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes a private file; results are for everybody the umask allows.
        Path(beside).chmod(0o666 & ~_umask())
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """`write_bytes` in UTF-8 with Unix line ends on every platform."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write `dump_json(value)`."""
    write_text(path, dump_json(value))


def dump_json(value: Any) -> str:
    """JSON with sorted keys, numbers of six significant digits, and null for what is not a finite number."""
    return json.dumps(_plain(value), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def read_json(path: Path) -> Any:
    """The parsed file. Raises FileNotFoundError, or ValueError that names the file when it is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: not JSON ({error})") from error


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    return value


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
