"""DVC's list of who reads and writes what, cleared of what processes that are gone left in it."""

import json
from pathlib import Path
from typing import Any

import psutil

from samo.study import store


def mend(root: Path) -> None:
    """Take the entries of dead processes out of .dvc/tmp/rwlock; a list that was cut while it was written goes.

    DVC drops the entry of a process number that is free, but neither one that another process has got since, as it
    soon happens in containers, nor half a list.

    Raises:
        dvc.lock.LockError: another DVC holds the list for longer than a moment.
    """
    from dvc.lock import make_lock

    path = root / ".dvc" / "tmp" / "rwlock"
    if not path.exists():
        return
    with make_lock(str(path.with_name("rwlock.lock")), tmp_dir=str(path.parent)):
        text, written = path.read_text(), path.stat().st_mtime
        try:
            kept = _living(json.loads(text), written)
        except (ValueError, KeyError, TypeError, AttributeError):
            kept = {}
        if json.dumps(kept) != text:
            store.write_text(path, json.dumps(kept))


def _living(entries: dict[str, Any], written: float) -> dict[str, Any]:
    """The entries whose processes began before the list was written, and are still there."""
    write = {path: who for path, who in entries.get("write", {}).items() if not who or _lives(who, written)}
    read = {path: [who for who in readers if _lives(who, written)] for path, readers in entries.get("read", {}).items()}
    return {"write": write, "read": {path: readers for path, readers in read.items() if readers}}


def _lives(who: dict[str, Any], written: float) -> bool:
    try:
        return bool(psutil.Process(int(who["pid"])).create_time() <= written + 1)
    except psutil.NoSuchProcess:
        return False
