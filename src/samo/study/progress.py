"""How a running stage reports its progress: JSON lines, appended to the file that SAMO_PROGRESS names."""

import contextlib
import json
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VARIABLE = "SAMO_PROGRESS"
SECONDS = 5.0
"""How often `echo` writes a line, at most."""
Event = dict[str, Any]


def report(**event: Any) -> None:
    """Append one event for whoever watches this stage; does nothing if nobody does, or if the file cannot be written.

    Each line is a single append, so that several writers never mix their lines. An event may hold whatever JSON can;
    displays use `phase`, `update`, `updates`, `loss` and `done`, the share of the stage's whole work that is done.
    """
    if path := os.environ.get(VARIABLE):
        with contextlib.suppress(OSError), Path(path).open("ab", buffering=0) as file:
            file.write((json.dumps(event) + "\n").encode())


class Tail:
    """The events added to a progress file since the last look; the file need not exist yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def read(self) -> list[Event]:
        """The new events in order; an unfinished line is left for the next look, what is no event is skipped."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                new = file.read()
        except FileNotFoundError:
            return []
        whole = new[: new.rfind(b"\n") + 1]
        self._offset += len(whole)
        events = []
        for line in whole.splitlines():
            with contextlib.suppress(ValueError):
                events.append(json.loads(line))
        return [event for event in events if isinstance(event, dict)]


def where(event: Event) -> str:
    """Phase, update and loss, as far as an event says them."""
    words = [str(event["phase"])] if event.get("phase") else []
    if event.get("update") is not None:
        words.append(f"update {event['update']}" + (f"/{event['updates']}" if event.get("updates") else ""))
    if isinstance(loss := event.get("loss"), int | float):
        words.append(f"loss {loss:.3f}")
    return ", ".join(words)


@contextlib.contextmanager
def echo() -> Iterator[None]:
    """Write what is reported inside to stderr, as plain lines, unless somebody is watching already."""
    if VARIABLE in os.environ:
        yield
        return
    over = threading.Event()

    def watch(tail: Tail) -> None:
        while not over.wait(SECONDS):
            if events := tail.read():
                last = events[-1]
                line = f"{last.get('condition', '')} {where(last)} {100 * last.get('done', 0):.0f} %"
                print(line.strip(), file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as folder:
        os.environ[VARIABLE] = f"{folder}/progress"
        watcher = threading.Thread(target=watch, args=[Tail(Path(folder) / "progress")], daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
            del os.environ[VARIABLE]
