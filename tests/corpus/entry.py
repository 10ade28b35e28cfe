"""A broken input through the real entry point: what came out, and that nothing else happened."""

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from samo.study import cli


class Outcome(NamedTuple):
    """Of a command: its exit code and what it wrote."""

    code: Any
    out: str
    err: str


class Harm:
    """What a pickle runs when it is loaded: it makes a file."""

    def __init__(self, trap: Path) -> None:
        self.trap = trap

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.trap),)


def objects(trap: Path) -> bytes:
    """An .npy file that runs something when it is unpickled."""
    out = io.BytesIO()
    np.save(out, np.array([Harm(trap)], dtype=object), allow_pickle=True)
    return out.getvalue()


def samo(capsys: pytest.CaptureFixture[str], *words: str | Path) -> Outcome:
    """`samo` with these words, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["samo", *map(str, words)])
        return _ended(capsys, cli.main)


def stage(capsys: pytest.CaptureFixture[str], work: Callable[[], object]) -> Outcome:
    """What a stage's notebook calls, with faults told as the command line tells them."""
    return _ended(capsys, cli.one_line()(work))


def _ended(capsys: pytest.CaptureFixture[str], main: Callable[[], object]) -> Outcome:
    capsys.readouterr()
    code: Any = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    return Outcome(code, *capsys.readouterr())


def content(folder: Path) -> dict[Path, Path | bytes]:
    """Every file and link below a folder, by what it holds; folders without files do not count."""
    found = [path for path in folder.rglob("*") if path.is_symlink() or path.is_file()]
    return {path: path.readlink() if path.is_symlink() else path.read_bytes() for path in found}


@contextmanager
def untouched(folder: Path) -> Iterator[None]:
    """Nothing below a folder is other afterwards."""
    before = content(folder)
    yield
    assert content(folder) == before


def refused(found: Outcome, *told: str, lines: int = 1) -> None:
    """Told in so many lines with these words, no traceback, and an exit code that says so."""
    assert found.code not in (0, None), f"it was taken: {found.out}"
    assert isinstance(found.code, int), found.code
    said = found.err.strip().splitlines()
    assert 0 < len(said) <= lines, found.err
    assert max(map(len, said)) < 700, found.err
    assert "Traceback" not in found.err
    for part in told:
        assert part in found.err
