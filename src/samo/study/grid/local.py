"""Workers on this machine: one process per clone, or one process in the project itself."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import IO

from samo.study import paths, processes
from samo.study.grid.clone import WORKERS, RemoteClone
from samo.study.grid.schedule import Done, Job, Progress
from samo.study.progress import Tail

LOGS = Path(".samo/logs")
PROGRESS = Path(".samo/progress")


class LocalPool:
    """Processes that do jobs side by side, each in a clone; with 0 clones, one after the other in the project itself.

    `cache` is DVC's cache folder; `remote` is given where `root` is itself a clone, on a machine of its own.
    """

    def __init__(self, root: Path, cache: Path, workers: int, remote: RemoteClone | None = None) -> None:
        self._root, self._cache, self._remote = root, cache, remote
        self._clones = workers > 0
        if self._clones:  # a grid killed together with its workers may have left some
            shutil.rmtree(root / WORKERS, ignore_errors=True)
        for folder in (LOGS, PROGRESS):
            (root / folder).mkdir(parents=True, exist_ok=True)
        self._size = max(1, workers)
        self._workers: dict[int, subprocess.Popen[str]] = {}
        self._running: dict[int, tuple[str, Path, Tail]] = {}  # by worker: a stage, its log and its progress

    def idle(self) -> int:
        return self._size - len(self._running)

    def submit(self, job: Job) -> None:
        """Start a job on an idle worker; its process starts with its first job."""
        number = next(n for n in range(self._size) if n not in self._running)
        name = job.stage.replace("/", "-")
        log, progress = self._root / LOGS / f"{name}.log", self._root / PROGRESS / f"{name}.jsonl"
        log.write_text("")
        progress.unlink(missing_ok=True)
        self._running[number] = job.stage, log, Tail(progress)
        inputs = job.inputs if self._clones or self._remote else {}  # in the project itself they are present
        message = {"stage": job.stage, "inputs": inputs, "log": str(log), "progress": str(progress)}
        worker = self._workers.get(number) or self._start(number)
        with contextlib.suppress(BrokenPipeError):  # the worker died: the next poll says so
            print(json.dumps(message), file=_pipe(worker.stdin), flush=True)

    def poll(self, timeout: float) -> Sequence[Progress | Done]:
        outputs = {_pipe(self._workers[number].stdout).fileno(): number for number in self._running}
        ready = wait(outputs, timeout)
        events: list[Progress | Done] = []
        for stage, _, tail in self._running.values():
            events += [Progress(stage, event) for event in tail.read()]
        return events + [self._reply(number) for output, number in outputs.items() if output in ready]

    def close(self) -> None:
        """Let the workers end their jobs and remove their clones; kill those that are not gone in time."""
        for worker in self._workers.values():
            with contextlib.suppress(BrokenPipeError):
                _pipe(worker.stdin).close()
        deadline = time.monotonic() + processes.GRACE + 2
        for worker in self._workers.values():
            try:
                worker.wait(max(0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _kill(worker)
            _pipe(worker.stdout).close()
        if self._clones:
            shutil.rmtree(self._root / WORKERS, ignore_errors=True)

    def _start(self, number: int) -> subprocess.Popen[str]:
        clone = self._root / WORKERS / str(number) if self._clones else self._root if self._remote else ""
        where = [str(self._root), str(clone), str(self._cache), *(self._remote or ())]
        with (self._root / LOGS / f"worker-{number}.log").open("w") as errors:
            worker = subprocess.Popen(
                [sys.executable, "-m", "samo.study.grid.worker", *where],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=_environment(self._root),
                start_new_session=True,  # a Ctrl-C is the grid's to answer
            )
        self._workers[number] = worker
        return worker

    def _reply(self, number: int) -> Done:
        (stage, log, _), worker = self._running.pop(number), self._workers[number]
        if line := _pipe(worker.stdout).readline():
            return Done(log=log, **json.loads(line))
        del self._workers[number]  # the next job gets a new one
        _kill(worker)
        errors = (self._root / LOGS / f"worker-{number}.log").read_text(errors="replace").strip()
        code = worker.returncode
        ending = "signal SIGKILL, out of memory?" if code == -signal.SIGKILL else f"exit status {code}"
        reason = errors.splitlines()[-1] if errors else f"its worker was ended ({ending})"
        with log.open("a") as file:
            file.write(reason + "\n")
        return Done(stage, True, None, reason, log)


def _environment(root: Path) -> dict[str, str]:
    """What the stages see: the project's own MLflow and checkpoints, wherever they run."""
    ours = {paths.CHECKPOINTS: str(paths.checkpoints(root))}
    return {"MLFLOW_TRACKING_URI": f"sqlite:///{root / 'mlflow.db'}"} | processes.environment() | ours


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def _kill(worker: subprocess.Popen[str]) -> None:
    """Kill a worker and all that it started; if it is dead already, the rest of its process group."""
    left = processes.descendants(worker.pid)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(worker.pid, signal.SIGKILL)
    processes.kill(left)
    worker.wait()
