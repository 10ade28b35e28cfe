"""Workers on a Ray cluster: one actor each, with a clone at the project's commit; data and results by a DVC remote."""

import contextlib
import logging
import os
import signal
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from samo.study import git
from samo.study.errors import PipelineError
from samo.study.grid import exchange, node
from samo.study.grid.display import Display
from samo.study.grid.local import log_of
from samo.study.grid.plan import LockEntry, Locks
from samo.study.grid.schedule import Done

TRIES = 3  # how many workers a stage may lose before it is blamed for their end
LEAVE = 4.0  # seconds that workers get to end what is running and remove their clones
PATIENCE = 30.0  # seconds without any worker after which the user is told what the grid waits for
LOOPBACK = ("127.0.0.1:", "localhost:")  # addresses of a cluster on this machine alone


class Cluster(NamedTuple):
    """An existing Ray cluster, the DVC remote that head and workers share, and what each worker takes."""

    address: str  # as `ray.init` takes it: "auto", "host:port", "ray://host:port"
    remote: str
    cpus: float = 1
    gpus: float = 0
    workers: int | None = None  # None for as many as the cluster has room for now


@dataclass
class _Worker:
    actor: Any
    call: Any  # the one call that it has not answered yet; None while it waits for a job
    job: tuple[str, Locks] | None = None  # a stage and its inputs
    place: str = ""


class RayPool:
    """Actors that do jobs; if one is lost, the display says so and another takes over its job.

    `most` is the number of workers that can be kept busy. Raises PipelineError if there is no Ray, no such cluster or
    remote, or no room.
    """

    def __init__(self, root: Path, cluster: Cluster, most: int, display: Display) -> None:
        settings = exchange.settings(root, cluster.remote)
        try:
            commit, bundle = git.pack(root)
        except git.GitError as error:
            raise PipelineError(str(error)) from error
        self._ray = _connect(cluster.address)
        self._root, self._display = root, display
        self._done: list[Done] = []
        self._again: deque[tuple[str, Locks]] = deque()
        self._losses: Counter[str] = Counter()
        self._fruitless = 0  # actors lost before they were ready, since one last was ready
        self._workers: list[_Worker] = []
        self._waits = time.monotonic() + PATIENCE
        try:
            kind = self._ray.remote(num_cpus=cluster.cpus, num_gpus=cluster.gpus, max_restarts=0)(node.NodeWorker)
            handle = self._ray.put(bundle)  # once, however many workers
            self._new: Callable[[], Any] = lambda: kind.remote(commit, handle, cluster.remote, settings)
            self._workers = [self._start() for _ in range(min(most, cluster.workers or self._room(cluster)))]
        except BaseException as error:
            self._ray.shutdown()
            if isinstance(error, RuntimeError):  # of a client that lost the cluster
                raise PipelineError(str(error)) from error
            raise

    def idle(self) -> int:
        return max(0, len(self._free()) - len(self._again))

    def submit(self, stage: str, inputs: Locks) -> None:
        worker = self._free()[0]
        worker.job = stage, inputs
        worker.call = worker.actor.work.remote(stage, dict(inputs))

    def poll(self, timeout: float) -> Sequence[Done]:
        while self._again and self._free():
            self.submit(*self._again.popleft())
        calls = {worker.call: worker for worker in self._workers if worker.call is not None}
        if calls:
            self._ray.wait(list(calls), timeout=timeout)
            for call in self._ray.wait(list(calls), num_returns=len(calls), timeout=0)[0]:
                self._answer(calls[call])
        if any(worker.place for worker in self._workers):
            self._waits = time.monotonic() + PATIENCE
        elif time.monotonic() > self._waits:
            self._waits = float("inf")
            self._display.say("no worker has a place yet: waiting for a node of the cluster with room for one")
        done, self._done = self._done, []
        return done

    def close(self) -> None:
        """End what still runs; workers that do not answer in time notice that the head is gone."""
        with contextlib.suppress(self._ray.exceptions.RayError):
            leaving = [worker.actor.leave.remote() for worker in self._workers if worker.place]
            if leaving:
                self._ray.wait(leaving, num_returns=len(leaving), timeout=LEAVE)
        for worker in self._workers:
            self._kill(worker)
        self._ray.shutdown()

    def _free(self) -> list[_Worker]:
        return [worker for worker in self._workers if worker.call is None]

    def _start(self) -> _Worker:
        actor = self._new()
        return _Worker(actor, actor.place.remote())

    def _room(self, cluster: Cluster) -> int:
        """How many workers fit on the present nodes."""
        wanted = {name: number for name, number in (("CPU", cluster.cpus), ("GPU", cluster.gpus)) if number}
        nodes = [one["Resources"] for one in self._ray.nodes() if one["Alive"]]
        rooms = sum(min(int(has.get(name, 0) / number + 1e-6) for name, number in wanted.items()) for has in nodes)
        if not rooms:
            raise PipelineError(
                f"no node of the cluster has {cluster.cpus:g} CPUs and {cluster.gpus:g} GPUs, which `cluster` in "
                "params.yaml asks for each worker; if nodes are still to come, say how many workers with --workers"
            )
        return rooms

    def _answer(self, worker: _Worker) -> None:
        try:
            answer = self._ray.get(worker.call)
        except self._ray.exceptions.RayError as error:
            self._lose(worker, _line(error))
            return
        if worker.job is None:
            worker.call, worker.place, self._fruitless = None, answer, 0
            return
        told, ended = answer
        for stage, event in told:
            self._display.progressed(stage, event)
        if not ended:
            worker.call = worker.actor.work.remote()
            return
        self._end(worker.job[0], *ended[0])
        worker.call = worker.job = None

    def _lose(self, worker: _Worker, reason: str) -> None:
        """Replace a lost worker, and put its job back in the queue."""
        self._kill(worker)
        self._fruitless += not worker.place
        if self._fruitless >= TRIES * len(self._workers):
            raise PipelineError(f"no worker can start: {reason}")
        self._workers[self._workers.index(worker)] = self._start()
        if worker.job is None:
            return
        stage = worker.job[0]
        self._losses[stage] += 1
        if self._losses[stage] >= TRIES:
            self._end(stage, True, None, f"{TRIES} workers were lost with it: {reason}", reason)
        else:
            self._display.say(f"{stage} goes to another worker: the one on {worker.place} is lost ({reason})")
            self._again.append(worker.job)

    def _end(self, stage: str, ran: bool, lock: LockEntry | None, error: str, printed: str) -> None:
        log = log_of(self._root, stage)
        log.write_text(printed)
        self._done.append(Done(stage, ran, lock, error, log))

    def _kill(self, worker: _Worker) -> None:
        with contextlib.suppress(self._ray.exceptions.RayError):
            self._ray.kill(worker.actor)


def _connect(address: str) -> Any:
    """Ray, connected to a cluster that already runs; nothing is started, nothing reported to Ray's makers."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:  # Ray itself tries for minutes
        if host:  # else "auto", or a name that Ray knows
            socket.create_connection((host, int(port)), timeout=PATIENCE / 3).close()
    except (OSError, ValueError) as error:
        raise PipelineError(f"no Ray cluster answers at {address}: {error}") from error
    if address.startswith(LOOPBACK):  # else Ray uses this machine's network address, and listens there
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    try:
        import ray
    except ImportError:
        raise PipelineError('Ray is missing: pip install -c requirements.lock -e ".[study,cluster]"') from None
    for module in (node, git):
        ray.cloudpickle.register_pickle_by_value(module)
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        raise PipelineError(f"no Ray cluster answers at {address}: {_line(error)}") from error
    signal.signal(signal.SIGTERM, before)  # Ray installs its own handler; here SIGTERM ends the grid as Ctrl-C does
    return ray


def _line(error: Exception) -> str:
    """The most telling line of an error: its cause, or the last line of its text."""
    said = str(getattr(error, "cause", None) or error).strip()
    return said.splitlines()[-1].strip() if said else type(error).__name__
