"""The progress of a single cell as plain lines, where no grid is watching."""

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from samo.study.grid import progress

SECONDS = 5.0
"""How often a line is written, at most."""


@contextmanager
def echo() -> Iterator[None]:
    """Write to stderr what is reported inside; nothing where somebody else is watching already."""
    if progress.VARIABLE in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        path, over = Path(folder) / "progress", threading.Event()
        os.environ[progress.VARIABLE] = str(path)
        watcher = threading.Thread(target=_watch, args=(progress.Tail(path), over), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
            del os.environ[progress.VARIABLE]


def _watch(tail: progress.Tail, over: threading.Event) -> None:
    while not over.wait(SECONDS):
        if events := tail.read():
            e = events[-1]
            epoch = f" epoch {e['epoch']}/{e['epochs']}" if e.get("epochs") else ""
            loss = f" loss {e['loss']:.3f}" if e.get("loss") is not None else ""
            line = f"{e.get('cell', '')} {e.get('phase', '')}{epoch}{loss} {100 * e.get('done', 0):.0f} %"
            print(line.strip(), file=sys.stderr, flush=True)
