"""A Postgres of its own on a Unix socket, gone after the test."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PLACES = (*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), None)
"""Where Debian puts it, by version; else on the PATH."""


def tool(name: str) -> str | None:
    return next(filter(None, (shutil.which(name, path=place) for place in PLACES)), None)


@contextmanager
def postgres(otherwise: str) -> Iterator[str]:
    """The address of an empty database for SQLAlchemy; `otherwise`, where Postgres or its driver is not installed."""
    initdb, control = tool("initdb"), tool("pg_ctl")
    if initdb is None or control is None or (os.geteuid() == 0 and shutil.which("runuser") is None):
        yield otherwise
        return
    pytest.importorskip("psycopg2", reason="psycopg2 is not installed (extra dev)")
    folder = Path(tempfile.mkdtemp(prefix="samo-postgres-"))  # a socket's path must be short
    as_other: list[str] = []
    if os.geteuid() == 0:  # it does not run as root: then another user does it, and owns the folder
        user = next(name for name in ("postgres", "nobody") if name in {entry.pw_name for entry in pwd.getpwall()})
        shutil.chown(folder, user)
        as_other = ["runuser", "-u", user, "--"]
    try:
        _run(*as_other, initdb, "-D", f"{folder}/data", "-U", "samo", "-A", "trust", "-N", "--no-locale", "-E", "UTF8")
        options = f"-k {folder} -c listen_addresses= -c fsync=off"
        _run(*as_other, control, "-D", f"{folder}/data", "-w", "-l", f"{folder}/log", "-o", options, "start")
        try:
            yield f"postgresql+psycopg2://samo@/postgres?host={folder}"
        finally:
            _run(*as_other, control, "-D", f"{folder}/data", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def _run(*command: str) -> None:
    # Its output goes to files: a server that inherits a pipe would keep it open.
    with tempfile.TemporaryFile() as out:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd="/", check=False)
        out.seek(0)
        assert done.returncode == 0, out.read().decode()
