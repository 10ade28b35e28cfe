"""Processes that begin as copies of the test's own: a new interpreter would import torch for seconds."""

import os
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

START = "fork" if sys.platform == "linux" else "spawn"
"""How processes that train together are started, where it is not their start that is tested."""


def forked(do: Callable[[], object]) -> int:
    """The number of a process that does it, and ends with exit status 0 where nothing was raised, else 1."""
    pid = os.fork()
    return pid or _do_and_end(do)


def ended(pid: int) -> int:
    """Waits for a forked process; its exit status, or the negative number of the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _do_and_end(do: Callable[[], object]) -> NoReturn:
    try:
        do()
        os._exit(0)  # nothing of pytest's happens twice
    except BaseException:
        traceback.print_exc()
        os._exit(1)
