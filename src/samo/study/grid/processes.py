"""Ending a process with all that it started."""

import contextlib
import os
from collections.abc import Sequence

import psutil

GRACE = 2.0
"""Seconds that a process gets to end by itself."""


def end(processes: Sequence[psutil.Process]) -> None:
    """Ask them to end, and kill what is still there after `GRACE` seconds."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=GRACE)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=1)


def descendants(pid: int | None = None) -> list[psutil.Process]:
    """All that a process started, and what they started (a notebook's kernel leaves the process group)."""
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def stand_apart() -> None:
    """Go on in a child, for which this process waits from here on; before any thread is started.

    Ray kills what an actor has started together with the actor. The child it leaves alone, which sees its input end,
    and has the time to clean up.
    """
    child = os.fork()
    if not child:
        return
    os.close(0)
    os.close(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(code)
