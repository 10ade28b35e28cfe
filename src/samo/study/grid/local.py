"""Workers on this machine: one process per clone, or one process in the project itself."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import NamedTuple

from samo.study import paths, processes
from samo.study.grid.plan import Locks
from samo.study.grid.schedule import Done
from samo.study.progress import Event, Tail

WORKERS = Path(".samo/workers")
LOGS = Path(".samo/logs")
PROGRESS = Path(".samo/progress")
Tell = Callable[[str, Event], None]


def log_of(root: Path, stage: str) -> Path:
    """Where the project keeps what a stage, or a worker, printed."""
    (root / LOGS).mkdir(parents=True, exist_ok=True)
    return root / LOGS / f"{stage.replace('/', '-')}.log"


class _Worker(NamedTuple):
    process: subprocess.Popen[bytes]
    pipe: Connection


class LocalPool:
    """Processes that bring stages up to date side by side, each in a clone; without clones, one in `root` itself.

    `tell` gets what running stages report. Where `root` is itself a clone, on a machine of its own, `remote` names a
    DVC remote and the project's commit.
    """

    def __init__(self, root: Path, tell: Tell, clones: int = 0, remote: Sequence[str] = ()) -> None:
        self._root, self._tell, self._remote = root, tell, remote
        self._idle = [root / WORKERS / str(n) for n in reversed(range(clones))] or [root]
        self._workers: dict[Path, _Worker] = {}  # by its folder
        self._running: dict[Path, tuple[str, Path, Tail]] = {}  # the same: a stage, its log and its progress
        shutil.rmtree(root / WORKERS, ignore_errors=True)  # of a grid that was killed together with its workers
        (root / PROGRESS).mkdir(parents=True, exist_ok=True)

    def idle(self) -> int:
        return len(self._idle)

    def submit(self, stage: str, inputs: Locks) -> None:
        """Start a stage on an idle worker, whose process starts with its first one."""
        folder = self._idle.pop()
        log = log_of(self._root, stage)
        progress = self._root / PROGRESS / f"{log.stem}.jsonl"
        log.write_text("")
        progress.unlink(missing_ok=True)
        self._running[folder] = stage, log, Tail(progress)
        if folder not in self._workers:
            self._workers[folder] = self._start(folder)
        with contextlib.suppress(OSError):  # the worker died: the next poll says so
            self._workers[folder].pipe.send((stage, dict(inputs), log, progress))

    def poll(self, timeout: float) -> Sequence[Done]:
        pipes = {self._workers[folder].pipe: folder for folder in self._running}
        ready = wait(list(pipes), timeout)
        for stage, _, tail in self._running.values():
            for event in tail.read():
                self._tell(stage, event)
        return [self._reply(folder) for pipe, folder in pipes.items() if pipe in ready]

    def close(self) -> None:
        """Let the workers end their jobs and remove their clones; kill those that are not gone in time."""
        for worker in self._workers.values():
            worker.pipe.close()
        deadline = time.monotonic() + processes.GRACE + 2
        for worker in self._workers.values():
            try:
                worker.process.wait(max(0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _kill(worker.process)
        shutil.rmtree(self._root / WORKERS, ignore_errors=True)

    def _start(self, folder: Path) -> _Worker:
        ours, its = Pipe()
        where = [str(its.fileno()), str(folder), str(self._root), *self._remote]
        # Stages see the project's own MLflow and checkpoints, wherever they run.
        environment = {"MLFLOW_TRACKING_URI": f"sqlite:///{self._root / 'mlflow.db'}"} | processes.environment()
        environment[paths.CHECKPOINTS] = str(paths.checkpoints(self._root))
        with log_of(self._root, f"worker-{folder.name}").open("w") as stream, its:
            process = subprocess.Popen(
                [sys.executable, "-m", "samo.study.grid.worker", *where],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env=environment,
                pass_fds=[its.fileno()],
                start_new_session=True,  # a Ctrl-C is the grid's to answer
            )
        return _Worker(process, ours)

    def _reply(self, folder: Path) -> Done:
        stage, log, _ = self._running.pop(folder)
        self._idle.append(folder)
        try:
            done: Done = self._workers[folder].pipe.recv()
            return done
        except (EOFError, OSError):  # it died: the next job gets a new one
            worker = self._workers.pop(folder)
        worker.pipe.close()
        _kill(worker.process)
        said = log_of(self._root, f"worker-{folder.name}").read_text(errors="replace").strip()
        code = worker.process.returncode
        ending = "signal SIGKILL, out of memory?" if code == -signal.SIGKILL else f"exit status {code}"
        reason = said.splitlines()[-1] if said else f"its worker was ended ({ending})"
        with log.open("a") as file:
            file.write(reason + "\n")
        return Done(stage, True, None, reason, log)


def _kill(worker: subprocess.Popen[bytes]) -> None:
    """Kill a worker and all that it started; if it is dead already, the rest of its process group."""
    left = processes.descendants(worker.pid)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(worker.pid, signal.SIGKILL)
    processes.end(left, grace=0)
    worker.wait()
