"""How long it still takes, from how long it took: work done per second of a busy worker."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from samo.study.grid.progress import Event


@dataclass
class Cell:
    """A running stage: since when, and what it last said of itself."""

    began: float
    state: Event = field(default_factory=dict)

    @property
    def done(self) -> float:
        """The share of its work that is behind it, as far as it says."""
        done = self.state.get("done", 0.0)
        return min(1.0, max(0.0, float(done))) if isinstance(done, int | float) else 0.0


class Clock:
    """Counts stages and work.

    Args:
        weights: how much work each stage is.
        now: the time in seconds; for tests.
    """

    def __init__(self, weights: Mapping[str, float], now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self.total = len(weights)
        self.running: dict[str, Cell] = {}
        self.failed = 0
        self.finished: set[str] = set()
        self._waiting = dict(weights)
        self._weights = dict(weights)
        self._work = 0.0
        self._seconds = 0.0
        self._began = now()
        self._widest = 1

    @property
    def waiting(self) -> int:
        """How many stages have not started."""
        return len(self._waiting)

    @property
    def elapsed(self) -> float:
        """Seconds since the begin."""
        return self.now() - self._began

    def start(self, stage: str) -> None:
        """A stage starts."""
        self._waiting.pop(stage, None)
        self.running[stage] = Cell(self.now())
        self._widest = max(self._widest, len(self.running))

    def update(self, stage: str, event: Event) -> None:
        """A stage says something of itself; what it does not repeat stays."""
        self.running[stage].state.update(event)

    def end(self, stage: str, ran: bool, failed: bool = False) -> float:
        """A stage ends; its seconds. One that did not run says nothing of how fast work goes."""
        cell = self.running.pop(stage)
        seconds = self.now() - cell.began
        self.failed += failed
        if not failed:
            self.finished.add(stage)
        if ran and not failed:
            self._work += self._weights[stage]
            self._seconds += seconds
        return seconds

    def drop(self, stage: str) -> None:
        """A stage will not start."""
        self._waiting.pop(stage, None)

    def share(self) -> float:
        """The share of all work that is done, between 0 and 1."""
        total = sum(self._weights.values())
        return 1 - self._left() / total if total > 0 else 0.0

    def seconds_left(self) -> float | None:
        """From the rate so far, at least the longest stage's own time; None before anything is known."""
        now = self.now()
        work = self._work + sum(self._weights[name] * cell.done for name, cell in self.running.items())
        busy = self._seconds + sum(now - cell.began for cell in self.running.values() if cell.done > 0)
        if work <= 0 or busy <= 0:
            return None
        started = [self._weights[name] * (1 - cell.done) for name, cell in self.running.items()]
        longest = max([*started, *self._waiting.values()], default=0.0)
        return max(self._left() / self._widest, longest) * busy / work

    def _left(self) -> float:
        started = sum(self._weights[name] * (1 - cell.done) for name, cell in self.running.items())
        return started + sum(self._waiting.values())


def duration(seconds: float) -> str:
    """Seconds as a person says them: 8 s, 3:05 min, 2:10 h.

    >>> duration(8.4), duration(185), duration(7800)
    ('8 s', '3:05 min', '2:10 h')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"
