"""How long it still takes: what every stage is expected to take, corrected by what those before it took."""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from samo.study.progress import Event

Phases = Sequence[tuple[Collection[str], int]]
"""Stages, and how many of them run at once; one phase begins when the one before it is over."""


@dataclass
class Running:
    """A running stage: since when, and what it last said of itself."""

    began: float
    state: Event = field(default_factory=dict)

    @property
    def done(self) -> float:
        """The share of its work that is behind it, as far as it says."""
        done = self.state.get("done", 0.0)
        return min(1.0, max(0.0, float(done))) if isinstance(done, int | float) else 0.0


class Remaining:
    """Counts stages and seconds.

    Args:
        expected: stage -> seconds that it is expected to take.
        phases: which of them run side by side; by default all, two at a time.
        now: the time in seconds; for tests.
    """

    def __init__(
        self, expected: Mapping[str, float], phases: Phases = (), now: Callable[[], float] = time.monotonic
    ) -> None:
        self.now = now
        self.running: dict[str, Running] = {}
        self.failed = 0
        self.took: dict[str, float] = {}
        """Seconds of the stages whose command ran to its end."""
        self.finished: set[str] = set()
        self._expected = dict(expected)
        self._waiting = set(expected)
        self._phases = phases or [(tuple(expected), 2)]

    @property
    def total(self) -> int:
        """How many stages there are."""
        return len(self._expected)

    @property
    def waiting(self) -> int:
        """How many of them have not started."""
        return len(self._waiting)

    def start(self, stage: str) -> None:
        """A stage starts."""
        self._waiting.discard(stage)
        self.running[stage] = Running(self.now())

    def update(self, stage: str, event: Event) -> None:
        """A stage says something of itself; what it does not repeat stays."""
        self.running[stage].state.update(event)

    def end(self, stage: str, ran: bool, failed: bool = False) -> float:
        """A stage ends; its seconds. One that did not run says nothing of how long others take."""
        seconds = self.now() - self.running.pop(stage).began
        self.failed += failed
        if not failed:
            self.finished.add(stage)
            if ran:
                self.took[stage] = seconds
        return seconds

    def drop(self, stage: str) -> None:
        """A stage will not start."""
        self._waiting.discard(stage)

    def share(self) -> float:
        """The share of all seconds that is behind, between 0 and 1."""
        rates = self._rates()
        whole = sum(seconds * rates.get(_kind(name), 1.0) for name, seconds in self._expected.items())
        return 1 - sum(self._left(rates).values()) / whole if whole > 0 else 0.0

    def seconds_left(self) -> float | None:
        """Of all phases, each at least as long as its longest stage; None before any training has said how fast it is.

        A kind of stages that has ended or is under way corrects what is expected of the others of that kind.
        """
        rates, trains = self._rates(), [name for name in (*self._waiting, *self.running) if _kind(name) == "train"]
        if trains and "train" not in rates:
            return None
        left = self._left(rates)
        seconds = 0.0
        for stages, width in self._phases:
            own = [left[name] for name in stages if name in left]
            seconds += max(sum(own) / max(1, width), max(own, default=0.0))
        return seconds

    def _left(self, rates: Mapping[str, float]) -> dict[str, float]:
        """Seconds of each stage that is not over."""
        left = {name: self._expected[name] * rates.get(_kind(name), 1.0) for name in self._waiting}
        for name, stage in self.running.items():
            whole = self._expected.get(name, 0.0) * rates.get(_kind(name), 1.0)
            passed = stage.done * whole if stage.done > 0 else self.now() - stage.began
            left[name] = max(whole - passed, 0.05 * whole)  # one that takes longer than expected is not over yet
        return left

    def _rates(self) -> dict[str, float]:
        """Kind -> seconds for each second that was expected, where something is known."""
        took: dict[str, float] = defaultdict(float)
        expected: dict[str, float] = defaultdict(float)
        for name, seconds in self.took.items():
            took[_kind(name)] += seconds
            expected[_kind(name)] += self._expected[name]
        for name, stage in self.running.items():
            if stage.done > 0:
                took[_kind(name)] += self.now() - stage.began
                expected[_kind(name)] += self._expected[name] * stage.done
        return {kind: took[kind] / expected[kind] for kind in took if expected[kind] > 0}


def _kind(stage: str) -> str:
    """The stages that are alike: all trainings, or one analysis of all datasets."""
    name, _, rest = stage.partition("@")
    if name.startswith("train"):
        return "train"
    return f"{name} {rest.rpartition('-')[2]}" if name == "analyse" else name


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
