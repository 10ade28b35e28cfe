"""Which stage runs when: as soon as its needs are met, longest first; and the messages to and from workers."""

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple, Protocol

from samo.study.grid.display import Display
from samo.study.grid.plan import LockEntry, Plan
from samo.study.progress import Event

Weight = Callable[[str], float]  # stage -> the seconds that it is expected to take: long ones start first


class Job(NamedTuple):
    """A stage to bring up to date."""

    stage: str
    inputs: Mapping[str, LockEntry | None]  # stages it reads -> the entries that locate their outputs in the cache


class Done(NamedTuple):
    """The end of a job."""

    stage: str
    ran: bool  # whether its command ran; else it came from the cache
    lock: LockEntry | None
    error: str  # in one line why it failed; empty if it did not
    log: Path  # what it printed


class Progress(NamedTuple):
    """Something a running stage reported."""

    stage: str
    event: Event


class Pool(Protocol):
    """Workers that do jobs: processes on this machine, or actors on a cluster."""

    def idle(self) -> int: ...  # how many jobs could start now
    def submit(self, job: Job) -> None: ...  # starts it on an idle worker
    def poll(self, timeout: float) -> Sequence[Progress | Done]: ...  # since the last call; waits `timeout` s at most
    def close(self) -> None: ...  # ends what still runs and leaves nothing behind, within five seconds


def schedule(plan: Plan, pool: Pool, weight: Weight, display: Display) -> dict[str, LockEntry | None]:
    """Run a plan's stale stages, except those that need a failed one; returns those made, with their lock entries."""
    stale = [name for name in plan.needs if name in plan.stale]
    order = TopologicalSorter({name: plan.stale.intersection(plan.needs[name]) for name in stale})
    order.prepare()
    rank = {name: (-weight(name), number) for number, name in enumerate(stale)}  # the longest first
    ready: list[str] = []
    made: dict[str, LockEntry | None] = {}
    locks = ChainMap(made, dict(plan.locks))
    running = 0
    while order.is_active():
        ready = sorted([*ready, *order.get_ready()], key=lambda name: rank[name])
        for _ in range(min(pool.idle(), len(ready))):
            name = ready.pop(0)
            pool.submit(Job(name, {need: locks[need] for need in plan.needs[name]}))
            running += 1
            display.started(name)
        if not (ready or running):  # what is left needs a stage that failed
            break
        for event in pool.poll(timeout=0.2):
            if isinstance(event, Progress):
                display.progressed(*event)
                continue
            running -= 1
            if event.error:
                display.failed(event.stage, event.error, event.log)
            else:
                made[event.stage] = event.lock
                order.done(event.stage)
                display.finished(event.stage, event.ran)
        display.refresh()
    return made
