"""Which stage runs when: as soon as its needs are met, the longest first; and what it says to those who run them."""

import heapq
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Protocol

from samo.study.grid.display import Display
from samo.study.grid.plan import LockEntry, Plan
from samo.study.progress import Event

Weight = Callable[[str], float]
"""How much work a stage is, in seconds as far as they are known: long ones start first."""


@dataclass(frozen=True)
class Job:
    """One stage to bring up to date, and the stages whose outputs it reads.

    Each of those comes with its entry in dvc.lock (None for a .dvc file, which is its own), from which a worker takes
    them out of the cache.
    """

    stage: str
    inputs: Mapping[str, LockEntry | None]


@dataclass(frozen=True)
class Done:
    """The end of a job: whether its command ran (else it came out of the cache), and its entry in dvc.lock.

    `error` says in one line why it failed, and is empty where it did not; the file `log` holds what it printed.
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
    """A stage that is not up to date at the end, and why; `log` is None where something that it needs failed."""

    stage: str
    reason: str
    log: Path | None


@dataclass(frozen=True)
class Outcome:
    """What came of a plan: the stages made, with their entries for dvc.lock, and those that are not."""

    made: dict[str, LockEntry | None]
    failures: list[Failure]


def schedule(plan: Plan, pool: Pool, weight: Weight, display: Display) -> Outcome:
    """Run what is stale in a plan on the workers of a pool; a failure stops only what depends on it."""
    waiting = {name: needs for name, needs in plan.needs.items() if name in plan.stale}
    order = TopologicalSorter({name: [need for need in needs if need in waiting] for name, needs in waiting.items()})
    order.prepare()
    ready: list[tuple[float, int, str]] = []  # the longest first, else in the plan's order
    place = {name: number for number, name in enumerate(waiting)}
    made: dict[str, LockEntry | None] = {}
    locks = ChainMap(made, dict(plan.locks))
    failures: list[Failure] = []
    running: set[str] = set()
    while waiting or running:
        for name in order.get_ready():
            heapq.heappush(ready, (-weight(name), place[name], name))
        for _ in range(min(pool.idle(), len(ready))):
            name = heapq.heappop(ready)[-1]
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
                order.done(event.stage)
                display.finished(event.stage, event.ran)
        display.refresh()
    return Outcome(made, failures)


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
