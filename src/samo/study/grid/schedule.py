"""Which stage runs when: as soon as its needs are met, longest first; and what a pool of workers is to do."""

from collections import ChainMap
from collections.abc import Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple, Protocol

from samo.study.grid.display import Display
from samo.study.grid.plan import LockEntry, Locks, Plan


class Done(NamedTuple):
    """The end of a stage."""

    stage: str
    ran: bool  # whether its command ran; else it came from the cache
    lock: LockEntry | None
    error: str  # in one line why it failed; empty if it did not
    log: Path  # what it printed


class Pool(Protocol):
    """Workers that bring stages up to date: processes on this machine, or actors on a cluster."""

    def idle(self) -> int: ...  # how many stages could start now
    def submit(self, stage: str, inputs: Locks) -> None: ...  # on an idle worker; `inputs` are what the stage reads
    def poll(self, timeout: float) -> Sequence[Done]: ...  # ended since the last call; waits `timeout` s at most
    def close(self) -> None: ...  # ends what still runs and leaves nothing behind, within five seconds


def schedule(plan: Plan, pool: Pool, display: Display) -> Locks:
    """Run a plan's stale stages, except those that need a failed one; returns those made, with their lock entries.

    Of stages that could start, the one that the display expects to take the most seconds starts first.
    """
    order = TopologicalSorter({name: set(plan.needs[name]) - plan.locks.keys() for name in plan.stale})
    order.prepare()
    rank = {name: (-display.expected[name], number) for number, name in enumerate(plan.stale)}
    ready: list[str] = []
    made: dict[str, LockEntry | None] = {}
    locks = ChainMap(made, dict(plan.locks))
    running = 0
    while order.is_active():
        ready = sorted([*ready, *order.get_ready()], key=rank.__getitem__)
        for _ in range(min(pool.idle(), len(ready))):
            name = ready.pop(0)
            pool.submit(name, {need: locks[need] for need in plan.needs[name]})
            running += 1
            display.started(name)
        if not (ready or running):  # what is left needs a stage that failed
            break
        for done in pool.poll(timeout=0.2):
            running -= 1
            if done.error:
                display.failed(done.stage, done.error, done.log)
            else:
                made[done.stage] = done.lock
                order.done(done.stage)
                display.finished(done.stage, done.ran)
        display.refresh()
    return made
