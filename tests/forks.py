"""Processes that begin as copies of the test's own: a new interpreter would import torch for seconds."""

import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

START = "fork" if sys.platform == "linux" else "spawn"
"""How processes that train together are started, where it is not their start that is tested."""


def forked(do: Callable[[], object]) -> int:
    """The number of a process that does it, and ends with exit status 0 where nothing was raised, else 1."""
    if pid := os.fork():
        return pid
    try:
        do()
        os._exit(0)  # nothing of pytest's happens twice
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def ended(pid: int) -> int:
    """Waits for a forked process; its exit status, or the negative number of the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def wait_for(what: Callable[..., Any], seconds: float = 60) -> Any:
    """Waits until something is true; what it is then."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
    return found
