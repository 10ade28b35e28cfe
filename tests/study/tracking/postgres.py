"""A Postgres of its own on a Unix socket, gone after the test; skipped, with the reason, where it is not installed."""

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


@contextmanager
def postgres() -> Iterator[str]:
    """Yields the address of an empty database, for SQLAlchemy."""
    pytest.importorskip("psycopg2", reason="psycopg2 is not installed (extra group)")
    initdb, control = (next(filter(None, (shutil.which(name, path=p) for p in PLACES)), None) for name in COMMANDS)
    if initdb is None or control is None:
        pytest.skip("Postgres is not installed (Debian: apt install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="samo-postgres-"))  # a socket's path must be short
    as_other = _not_root(folder)
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


COMMANDS = ("initdb", "pg_ctl")


def _not_root(folder: Path) -> list[str]:
    """Postgres does not run as root: then another user does it, and owns the folder."""
    if os.geteuid() != 0:
        return []
    if shutil.which("runuser") is None:
        pytest.skip("Postgres does not run as root, and there is no runuser")
    user = next(user for user in ("postgres", "nobody") if user in {entry.pw_name for entry in pwd.getpwall()})
    shutil.chown(folder, user)
    return ["runuser", "-u", user, "--"]


def _run(*command: str) -> None:
    # Its output goes to files: a server that inherits a pipe would keep it open.
    with tempfile.TemporaryFile() as out:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd="/", check=False)
        out.seek(0)
        assert done.returncode == 0, out.read().decode()
