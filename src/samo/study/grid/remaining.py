"""How long it still takes: what every stage is expected to take, corrected by what those before it took."""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from samo.study.progress import Event

Phases = Sequence[tuple[Collection[str], int]]
"""Stages, and how many of them run at once; one phase begins when the one before it is over."""
ENOUGH = 0.1
"""The share of a running stage's work that must have been seen before its speed says anything of others."""


@dataclass
class Running:
    """A running stage: since when, what it last said of itself, and when it first said how far it is."""

    began: float
    state: Event = field(default_factory=dict)
    first: tuple[float, float] | None = None

    @property
    def done(self) -> float:
        """The share of its work that is behind it, as far as it says."""
        return float(self.state.get("done", 0.0))


class Remaining:
    """Counts stages, and the seconds that they are expected to take and `took`; `now` is the clock.

    `phases` says which of them run side by side.
    """

    def __init__(
        self, expected: Mapping[str, float], phases: Phases = (), now: Callable[[], float] = time.monotonic
    ) -> None:
        self.expected, self.phases, self.now = dict(expected), phases, now
        self.running: dict[str, Running] = {}
        self.waiting = set(expected)
        self.finished: set[str] = set()
        self.failed = 0
        self.took: dict[str, float] = {}  # those whose command ran to its end

    def start(self, stage: str) -> None:
        """A stage starts."""
        self.waiting.discard(stage)
        self.running[stage] = Running(self.now())

    def update(self, stage: str, event: Event) -> Running:
        """A stage says something of itself; what it does not repeat stays."""
        one = self.running[stage]
        one.state.update(event)
        if one.first is None and "done" in event:
            one.first = self.now(), one.done  # until here it loaded what it needs, which says nothing of its speed
        return one

    def end(self, stage: str, ran: bool, failed: bool = False) -> float:
        """A stage ends; its seconds. One that did not run says nothing of how long others take."""
        seconds = self.now() - self.running.pop(stage).began
        self.failed += failed
        if not failed:
            self.finished.add(stage)
            if ran:
                self.took[stage] = seconds
        return seconds

    def share(self) -> float:
        """The share of all seconds that is behind, between 0 and 1."""
        rates = self._rates()
        whole = sum(seconds * rates.get(_kind(name), 1.0) for name, seconds in self.expected.items())
        return 1 - sum(self._left(rates).values()) / whole if whole > 0 else 0.0

    def seconds_left(self) -> float | None:
        """Of all phases, each at least as long as its longest stage; None while nobody knows how fast trainings are.

        A kind of stages that has ended or is well under way corrects what is expected of the others of that kind.
        """
        rates = self._rates()
        if "train" not in rates and any(_kind(name) == "train" for name in (*self.waiting, *self.running)):
            return None
        left = self._left(rates)
        seconds = 0.0
        for stages, width in self.phases:
            own = [left[name] for name in stages if name in left]
            seconds += max(sum(own) / width, max(own, default=0.0))
        return seconds

    def _left(self, rates: Mapping[str, float]) -> dict[str, float]:
        """Seconds of each stage that is not over."""
        left = {name: self.expected[name] * rates.get(_kind(name), 1.0) for name in self.waiting}
        for name, stage in self.running.items():
            whole = self.expected.get(name, 0.0) * rates.get(_kind(name), 1.0)
            passed = stage.done * whole if stage.done > 0 else self.now() - stage.began
            left[name] = max(whole - passed, 0.05 * whole)  # one that takes longer than expected is not over yet
        return left

    def _rates(self) -> dict[str, float]:
        """Kind -> seconds for each second that was expected, where something is known."""
        took: dict[str, float] = defaultdict(float)
        expected: dict[str, float] = defaultdict(float)
        for name, seconds in self.took.items():
            took[_kind(name)] += seconds
            expected[_kind(name)] += self.expected[name]
        for name, stage in self.running.items():
            since, before = stage.first or (0.0, 1.0)
            if stage.done - before >= ENOUGH:
                took[_kind(name)] += self.now() - since
                expected[_kind(name)] += self.expected[name] * (stage.done - before)
        return {kind: took[kind] / expected[kind] for kind in took if expected[kind] > 0}


def _kind(stage: str) -> str:
    """The stages that are alike: all trainings, or one analysis of all datasets."""
    name, _, rest = stage.partition("@")
    if name.startswith("train"):
        return "train"
    return f"{name} {rest.rpartition('-')[2]}" if name == "analyse" else name


def duration(seconds: float) -> str:
    """Seconds as a person says them: 8 s, 3:05 min, 2:10 h."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"
