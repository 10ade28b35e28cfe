"""Which processes work in the project: our own lock, and DVC's lists of which one reads and writes what."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from samo.study import store
from samo.study.errors import PipelineError
from samo.study.processes import is_alive


@contextlib.contextmanager
def only_one(root: Path) -> Iterator[None]:
    """Hold this project's lock, freed by the system when the process ends; a PipelineError if another holds it."""
    (root / ".samo").mkdir(exist_ok=True)
    with (root / ".samo" / "grid.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise PipelineError(f"the study runs here already, as process {file.read().strip()}") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def repair(root: Path) -> bool:
    """Remove the entries of dead processes from .dvc/tmp/rwlock; a list that was only half written is deleted.

    DVC drops an entry whose process number is free, but not one whose number another process has got since; and a
    list that is empty or half written stops it with "JSON structure is corrupted". Returns whether anything had to be
    removed; raises DVC's LockError if another DVC holds the list for longer than a moment.
    """
    from dvc.lock import make_lock

    path = root / ".dvc" / "tmp" / "rwlock"
    if not path.exists():
        return False
    with make_lock(str(path.with_name("rwlock.lock")), tmp_dir=str(path.parent)):
        try:
            found = json.loads(path.read_text())
            kept = _of_living(found, path.stat().st_mtime)
        except (ValueError, KeyError, TypeError, AttributeError):
            found, kept = None, {}
        if kept != found:
            store.write_text(path, json.dumps(kept))
        return bool(kept != found)


def _of_living(entries: dict[str, Any], written: float) -> dict[str, Any]:
    """The entries whose processes began before the list was written, and are still there."""

    def alive(who: dict[str, Any]) -> bool:
        return is_alive(int(who["pid"]), by=written + 1)

    writers = {path: who for path, who in entries.get("write", {}).items() if not who or alive(who)}
    readers = {path: [*filter(alive, several)] for path, several in entries.get("read", {}).items()}
    living = {"write": writers, "read": {path: several for path, several in readers.items() if several}}
    return {kind: living.get(kind, entries[kind]) for kind in entries}
