"""A worker on a cluster: an actor with a clone of the project on its node, and the worker process in it.

The class is sent by value: a node needs the packages that the study uses, but not its code, which comes with the
clone. So nothing of the study is imported before the clone is there.
"""

import getpass
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from samo.study.git import check, unpack

SCRATCH = "SAMO_SCRATCH"  # names a node's folder for clones and DVC's cache; by default the temporary folder
LOG = 200_000  # how many of the last characters of a stage's output go to the head


class NodeWorker:
    """One worker, which does one job at a time in a clone of a commit, from a bundle by `samo.study.git.pack`.

    `settings` are the address and credentials of the DVC remote. If no clone can be made, it raises a RuntimeError.
    """

    def __init__(self, commit: str, bundle: bytes, remote: str, settings: Mapping[str, Any]) -> None:
        base = Path(os.environ.get(SCRATCH) or tempfile.gettempdir()) / f"samo-{getpass.getuser()}"
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in base.glob(f"worker-{socket.gethostname()}-*"):  # left by a worker that was killed
            if not psutil.pid_exists(int(left.name.rsplit("-", 1)[1])):
                shutil.rmtree(left, ignore_errors=True)
        self._commit = commit
        self._folder = base / f"worker-{socket.gethostname()}-{os.getpid()}"
        unpack(commit, bundle, self._folder)

        source = str(self._folder / "src")
        sys.path.insert(0, source)
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH")]))
        # Stages run this `python`, whatever shell started Ray.
        os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        os.environ.setdefault("SAMO_CHECKPOINTS", str(base / "checkpoints"))

        from samo.study.grid.exchange import configure
        from samo.study.grid.local import LocalPool

        configure(self._folder, base / "cache", remote, settings)
        self._told: list[Any] = []
        self._pool = LocalPool(self._folder, lambda *told: self._told.append(told), remote=(remote, commit))

    def place(self) -> str:
        """The node's name, once the clone is there."""
        return socket.gethostname()

    def work(self, *job: Any) -> tuple[list[Any], list[Any]]:
        """Start a job, if one is given, and wait a second at most for its end.

        Returns what was reported since the last call, as (stage, event), and (ran, lock, error, printed) of a stage
        that has ended. A RuntimeError says that the clone no longer matches the commit.
        """
        if job:
            check(self._folder, self._commit)
            self._pool.submit(*job)
        ended = [(*done[1:4], done.log.read_text(errors="replace")[-LOG:]) for done in self._pool.poll(1.0)]
        told, self._told = self._told, []
        return told, ended

    def leave(self) -> None:
        """End what runs and remove the clone. If the actor is killed, its worker notices and does the same."""
        self._pool.close()
        shutil.rmtree(self._folder, ignore_errors=True)
