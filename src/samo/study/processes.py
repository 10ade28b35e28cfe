"""Processes: which are alive, how they are ended, and how the user ends what is running."""

import contextlib
import math
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from types import FrameType

import psutil

GRACE = 2.0
"""Seconds that a process gets to end by itself."""


def is_alive(pid: int, by: float = math.inf) -> bool:
    """Whether a process exists that began no later than `by`, in seconds since the epoch.

    Process numbers are reused, in a container soon: a process that began later is another one.
    """
    try:
        return bool(psutil.Process(pid).create_time() <= by)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:  # another user's, on a machine that hides those
        return True


def identity() -> str:
    """This process, so that another can tell whether it is alive: host, number and when it began."""
    process = psutil.Process()
    return f"{socket.gethostname()} {process.pid} {process.create_time():.0f}"


def is_alive_as(known: str) -> bool:
    """Whether the process of an `identity` is alive; one on another machine is taken to be, for want of knowledge."""
    host, _, rest = known.partition(" ")
    if host != socket.gethostname():
        return bool(rest)
    try:
        pid, began = rest.split()
        return is_alive(int(pid), by=float(began) + 0.5)  # written in whole seconds
    except ValueError:
        return False


def environment() -> dict[str, str]:
    """The variables for a process that runs stages: without those of a stage or git hook that this one runs in."""
    outer = {"DVC_ROOT", "DVC_STAGE", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"}
    return {name: value for name, value in os.environ.items() if name not in outer}


def descendants(pid: int | None = None) -> list[psutil.Process]:
    """All that a process started, and what they started (a notebook's kernel leaves the process group)."""
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def end(processes: Sequence[psutil.Process], grace: float = GRACE) -> None:
    """Ask processes to end, and kill what is still there after `grace` seconds; then wait a second at most.

    Exit statuses are left for whoever started the processes: if another thread has fetched one, `subprocess` takes it
    for 0, and DVC would keep what a killed command had written as its result.
    """
    for ask, seconds in ((psutil.Process.terminate, grace), (psutil.Process.kill, 1.0)):
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                ask(process)
        deadline = time.monotonic() + seconds
        while (processes := [*filter(_runs, processes)]) and time.monotonic() < deadline:
            time.sleep(0.02)


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@contextlib.contextmanager
def stopping() -> Iterator[None]:
    """Let SIGTERM end the run as Ctrl-C does, and let Ctrl-C end it even if a script's shell had it ignored."""
    again = 0.0

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        nonlocal again
        if time.monotonic() >= again:  # else it is the same signal again, passed on by a parent process
            again = time.monotonic() + 1
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
