"""Which stage runs when: as soon as its needs are met, the longest first; and what it says to those who run them."""

import heapq
from collections import ChainMap, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from samo.study.grid.display import Display
from samo.study.grid.plan import LockEntry, Plan
from samo.study.progress import Event

Weight = Callable[[str], float]
"""How much work a stage is, in seconds as far as they are known: long ones start first."""


@dataclass(frozen=True)
class Job:
    """One stage to bring up to date.

    Args:
        stage: its name in dvc.yaml.
        inputs: the stages whose outputs it reads, each with its entry in dvc.lock (None for a .dvc file,
            which is its own), from which a worker takes them out of the cache.
    """

    stage: str
    inputs: Mapping[str, LockEntry | None]


@dataclass(frozen=True)
class Done:
    """The end of a job.

    Args:
        stage: its name.
        ran: whether its command ran; else it was up to date or came out of the run-cache.
        lock: its entry in dvc.lock; None for a .dvc file.
        error: why it failed, in one line; empty where it did not.
        log: the file that holds what it printed.
    """

    stage: str
    ran: bool
    lock: LockEntry | None
    error: str
    log: Path


@dataclass(frozen=True)
class Progress:
    """Something a running stage reported."""

    stage: str
    event: Event


class Pool(Protocol):
    """Workers that do jobs: processes on this machine, or actors on a cluster."""

    def idle(self) -> int:
        """How many jobs could start now."""

    def submit(self, job: Job) -> None:
        """Start a job on an idle worker."""

    def poll(self, timeout: float) -> Sequence[Progress | Done]:
        """What has happened since the last call, waited for at most `timeout` seconds."""

    def close(self) -> None:
        """End what still runs and leave nothing behind, within five seconds."""


@dataclass(frozen=True)
class Failure:
    """A stage that is not up to date at the end.

    Args:
        stage: its name.
        reason: why, in one line.
        log: what it printed; None where it was not run, since something it needs failed.
    """

    stage: str
    reason: str
    log: Path | None


@dataclass(frozen=True)
class Outcome:
    """What came of a plan.

    Args:
        made: the stages that are up to date now, with their entries for dvc.lock.
        failures: the stages that failed, and those not run because of them.
    """

    made: dict[str, LockEntry | None]
    failures: list[Failure]


def schedule(plan: Plan, pool: Pool, weight: Weight, display: Display) -> Outcome:
    """Run what is stale in `plan`; a failure stops only what depends on it.

    Args:
        plan: the stages and their needs.
        pool: who runs them.
        weight: how much work a stage is.
        display: is told of every start, step and end.

    Returns:
        What was made, and what was not.
    """
    waiting = {name: needs for name, needs in plan.needs.items() if name in plan.stale}
    queue = _Queue(waiting, {name: weight(name) for name in waiting})
    made: dict[str, LockEntry | None] = {}
    locks = ChainMap(made, dict(plan.locks))
    failures: list[Failure] = []
    running: set[str] = set()
    while waiting or running:
        for _ in range(pool.idle()):
            if (name := queue.pop()) is None:
                break
            pool.submit(Job(name, {need: locks[need] for need in waiting.pop(name)}))
            running.add(name)
            display.started(name)
        for event in pool.poll(timeout=0.2):
            if not isinstance(event, Done):
                display.progressed(event.stage, event.event)
                continue
            running.remove(event.stage)
            if event.error:
                failures.append(Failure(event.stage, event.error, event.log))
                display.failed(event.stage, event.error, event.log)
                for lost in _give_up(event.stage, waiting):
                    failures.append(lost)
                    display.dropped(lost.stage, lost.reason)
            else:
                made[event.stage] = event.lock
                queue.done(event.stage)
                display.finished(event.stage, event.ran)
        display.refresh()
    return Outcome(made, failures)


class _Queue:
    """The stages that could start, the longest first; each look costs the same however many wait."""

    def __init__(self, waiting: Mapping[str, Sequence[str]], weights: Mapping[str, float]) -> None:
        self._unmet = {name: len([need for need in needs if need in waiting]) for name, needs in waiting.items()}
        self._followers: dict[str, list[str]] = defaultdict(list)
        for name, needs in waiting.items():
            for need in needs:
                self._followers[need].append(name)
        self._rank = {name: (-weights[name], place) for place, name in enumerate(waiting)}
        self._ready = [(self._rank[name], name) for name, unmet in self._unmet.items() if not unmet]
        heapq.heapify(self._ready)

    def pop(self) -> str | None:
        """The longest stage that could start, taken out; None where there is none now."""
        return heapq.heappop(self._ready)[1] if self._ready else None

    def done(self, stage: str) -> None:
        """A stage is up to date: what waited for it alone could start."""
        for name in self._followers[stage]:
            self._unmet[name] -= 1
            if not self._unmet[name]:
                heapq.heappush(self._ready, (self._rank[name], name))


def _give_up(failed: str, waiting: dict[str, tuple[str, ...]]) -> list[Failure]:
    """Take out of `waiting` all that depends on a failed stage, directly or not."""
    lost = {failed}
    for name, needs in waiting.items():  # in an order in which they could run
        if not lost.isdisjoint(needs):
            lost.add(name)
    lost.remove(failed)
    for name in lost:
        del waiting[name]
    return [Failure(name, f"not run, it needs {failed}", None) for name in sorted(lost)]
