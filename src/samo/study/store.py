"""Files that appear whole or not at all, and JSON in a single format."""

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from samo.study.errors import WriteError
from samo.study.processes import is_alive
from samo.study.runs.formats import csv_text, json_text
from samo.study.runs.formats import rounded as rounded

if TYPE_CHECKING:
    import pandas as pd

FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}
"""A full disk, a spent quota, a folder that is not ours to write to."""


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A stream whose content becomes `path` at the end; an exception leaves nothing behind.

    If the disk is full or the folder cannot be written to, a WriteError says so; what was there stays.
    """
    with _beside(path) as new:
        with new.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(path)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A folder beside `path` that takes its place at the end; an exception removes it.

    Two renames swap them: a process killed between the two leaves no folder, but never half of one.
    A WriteError as in `whole_file`.
    """
    with _beside(path) as new, _beside(path) as old:
        new.mkdir()
        yield new
        for file in (*new.rglob("*"), new):
            _sync(file)
        try:
            if path.exists():
                path.rename(old)
            new.rename(path)
        except BaseException:
            if old.exists() and not path.exists():
                old.rename(path)
            raise


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A free name beside `path` that tells its owner; what is under it at the end is removed.

    So is what killed processes left under such names; .dvcignore and .gitignore skip them. Disk errors name the file
    that the user knows, not the one beside it.
    """
    ours = re.compile(re.escape(f".{path.name}.") + r"(\d+)-[0-9a-f]+\.part")
    made = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.iterdir():
            if (found := ours.fullmatch(left.name)) and not is_alive(int(found[1])):
                _remove(left)
        yield made
        _sync(path.parent)
    except OSError as error:
        at = None if error.filename is None else Path(error.filename)
        known = at is None or at in path.parents or path.parent in at.parents
        if isinstance(error, WriteError) or error.errno not in FAULTS or not known:
            raise
        raise WriteError(error.errno, f"{error.strerror}; what was there stays", str(path)) from error
    finally:
        with suppress(OSError):  # on a disk that has become read-only
            _remove(made)


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Have the system write a file, or a folder's list of names, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with whole_file(path) as stream:
        stream.write(text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write JSON in the format of `samo.study.runs.formats`."""
    write_text(path, json_text(value))


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def needed(root: Path, path: Path) -> Path:
    """`path` in the folder `root`; a FileNotFoundError if `make repro` has not written it yet."""
    if not (root / path).exists():
        raise FileNotFoundError(f"{path} is not there yet: `make repro` writes it")
    return root / path


def read_json(path: Path) -> Any:
    """Read a JSON file; a ValueError that names the file if it is not JSON."""
    try:
        return json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON ({error}): remove it and let `dvc repro` make it again") from error


def write_frames(folder: Path, frames: Mapping[str, "pd.DataFrame"]) -> None:
    """Write a folder of CSV files, name -> frame, whole or not at all."""
    with whole_folder(folder) as out:
        for name, frame in frames.items():
            write_text(out / f"{name}.csv", csv_text(frame))
