"""Workers on this machine: one process a clone, or one process in the project itself."""

import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from samo.study import paths, processes
from samo.study.grid.clone import WORKERS, RemoteClone
from samo.study.grid.schedule import Done, Job, Progress
from samo.study.progress import Tail

LOGS = Path(".samo/logs")
PROGRESS = Path(".samo/progress")


@dataclass
class _Running:
    job: Job
    log: Path
    tail: Tail


class LocalPool:
    """Processes that do jobs side by side.

    Args:
        root: the project's folder.
        cache: DVC's cache folder.
        workers: how many clones; 0 for one worker in the project itself, one job after the other.
        remote: given where `root` is itself a clone, on another machine than the project.
    """

    def __init__(self, root: Path, cache: Path, workers: int, remote: RemoteClone | None = None) -> None:
        self._root = root
        self._cache = cache
        self._remote = remote
        self._clones = workers > 0
        if self._clones:
            # A grid that was killed with its workers may have left some.
            shutil.rmtree(root / WORKERS, ignore_errors=True)
        for folder in (LOGS, PROGRESS):
            (root / folder).mkdir(parents=True, exist_ok=True)
        self._workers: list[subprocess.Popen[str] | None] = [None] * max(1, workers)
        self._running: dict[int, _Running] = {}
        self._selector = selectors.DefaultSelector()

    def idle(self) -> int:
        """How many jobs could start now."""
        return len(self._workers) - len(self._running)

    def submit(self, job: Job) -> None:
        """Start a job on an idle worker; its process starts with its first job."""
        number = next(n for n in range(len(self._workers)) if n not in self._running)
        name = job.stage.replace("/", "-")
        log, progress = self._root / LOGS / f"{name}.log", self._root / PROGRESS / f"{name}.jsonl"
        log.write_text("")
        progress.unlink(missing_ok=True)
        self._running[number] = _Running(job, log, Tail(progress))
        inputs = job.inputs if self._clones or self._remote else {}  # in the project itself they lie there
        message = {"stage": job.stage, "inputs": inputs, "log": str(log), "progress": str(progress)}
        with contextlib.suppress(BrokenPipeError):  # it died: the next poll says so
            _stdin(self._worker(number)).write(json.dumps(message) + "\n")
            _stdin(self._worker(number)).flush()

    def poll(self, timeout: float) -> Sequence[Progress | Done]:
        """What has happened since the last call, waited for at most `timeout` seconds."""
        ready = [key for key, _ in self._selector.select(timeout)]
        events: list[Progress | Done] = []
        for running in self._running.values():
            events += [Progress(running.job.stage, event) for event in running.tail.read()]
        for key in ready:
            events.append(self._reply(key.data))
        return events

    def close(self) -> None:
        """Let the workers end what they run and remove their clones; kill those that are not gone in time."""
        alive = [worker for worker in self._workers if worker is not None]
        for worker in alive:
            with contextlib.suppress(BrokenPipeError):
                _stdin(worker).close()
        deadline = time.monotonic() + processes.GRACE + 2
        for worker in alive:
            try:
                worker.wait(max(0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _kill(worker)
            worker.stdout.close() if worker.stdout else None
        self._selector.close()
        if self._clones:
            shutil.rmtree(self._root / WORKERS, ignore_errors=True)

    def _worker(self, number: int) -> subprocess.Popen[str]:
        worker = self._workers[number]
        if worker is None:
            worker = self._start(number)
            self._workers[number] = worker
            self._selector.register(worker.stdout or -1, selectors.EVENT_READ, number)
        return worker

    def _start(self, number: int) -> subprocess.Popen[str]:
        clone = self._root / WORKERS / str(number) if self._clones else self._root if self._remote else ""
        where = [str(self._root), str(clone), str(self._cache), *(self._remote or ())]
        with (self._root / LOGS / f"worker-{number}.log").open("w") as errors:
            return subprocess.Popen(
                [sys.executable, "-m", "samo.study.grid.worker", *where],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=_environment(self._root),
                start_new_session=True,  # a Ctrl-C is the grid's to answer
            )

    def _reply(self, number: int) -> Done:
        worker = self._worker(number)
        line = worker.stdout.readline() if worker.stdout else ""
        running = self._running.pop(number)
        if line:
            return Done(log=running.log, **json.loads(line))
        self._selector.unregister(worker.stdout or -1)
        self._workers[number] = None  # the next job gets a new one
        _kill(worker)
        errors = (self._root / LOGS / f"worker-{number}.log").read_text(errors="replace").strip()
        reason = errors.splitlines()[-1] if errors else f"its worker was ended ({_ending(worker.returncode)})"
        with running.log.open("a") as log:
            log.write(reason + "\n")
        return Done(running.job.stage, True, None, reason, running.log)


def _environment(root: Path) -> dict[str, str]:
    """What the stages see: not the outer stage or git hook that this grid may run in."""
    outer = {"DVC_ROOT", "DVC_STAGE", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"}
    environment = {name: value for name, value in os.environ.items() if name not in outer}
    environment.setdefault("MLFLOW_TRACKING_URI", f"sqlite:///{root / 'mlflow.db'}")
    environment[paths.CHECKPOINTS] = str(paths.checkpoints(root))
    return environment


def _stdin(worker: subprocess.Popen[str]) -> IO[str]:
    assert worker.stdin is not None
    return worker.stdin


def _kill(worker: subprocess.Popen[str]) -> None:
    """Kill a worker with all that it started; where it is dead already, what is left of its process group."""
    left = processes.descendants(worker.pid)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(worker.pid, signal.SIGKILL)
    processes.kill(left)
    worker.wait()


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}, out of memory?" if code == -9 else f"exit status {code}"
