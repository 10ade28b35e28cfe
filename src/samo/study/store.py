"""Files that appear whole or not at all, and JSON with one spelling."""

import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

DIGITS = 6
"""Decimal places of numbers in results: noise of the last bits must not ripple through the pipeline."""


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A stream whose content becomes `path` at the end, or leaves nothing where an exception ends it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        beside.chmod(0o644)  # mkstemp's 0600 would keep a group's other members out
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A folder beside `path` that takes its place at the end, or vanishes where an exception ends it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        yield beside
        beside.chmod(0o755)
        if path.exists():
            shutil.rmtree(path)
        beside.replace(path)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with whole_file(path) as stream:
        stream.write(text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write JSON with sorted keys and numbers rounded to `DIGITS` places; NaN and infinity become null."""
    write_text(path, json.dumps(rounded(value), indent=1, sort_keys=True, allow_nan=False) + "\n")


def needed(root: Path, path: Path) -> Path:
    """`path` of the folder `root`, which `make repro` writes.

    Raises:
        FileNotFoundError: it is not there yet; the message says what makes it.
    """
    if not (root / path).exists():
        raise FileNotFoundError(f"{path} is not there yet: `make repro` writes it")
    return root / path


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        ValueError: it is not JSON; the message names the file.
    """
    try:
        return json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: not JSON ({error}): remove it and let `dvc repro` make it again") from error


def rounded(value: Any) -> Any:
    """`value` with every number in it rounded; see `write_json`."""
    if isinstance(value, float):
        return round(value, DIGITS) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value
