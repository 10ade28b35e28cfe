"""How a person, or the system, ends what runs."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def stopping() -> Iterator[None]:
    """Let SIGTERM end the run as Ctrl-C does, and Ctrl-C also where a script's shell had it ignored."""

    first = 0.0

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        nonlocal first
        if first and time.monotonic() < first + 1:
            return  # the same one again, from a process that stands before this one
        first = time.monotonic()
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
