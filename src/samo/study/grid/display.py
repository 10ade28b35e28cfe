"""What the user sees while stages run: bars on a terminal, lines in a log, or nothing but what went wrong.

The time left follows from what each stage is expected to take, corrected by what earlier stages took.
"""

import contextlib
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from samo.study.progress import Event, where

Phases = Sequence[tuple[Collection[str], int]]
"""Stages, and how many of them run at once; one phase begins when the one before it is over."""
ENOUGH = 0.1  # the share of a stage's work that must be done before its speed says anything about other stages
TAIL = 15  # lines of a failed stage's log that are shown


class Display(contextlib.ExitStack):
    """Shows what the stages do; a context manager around their run.

    On a terminal there is one bar for all and one for each running stage; elsewhere a line when a stage starts and
    ends, and one every `every` seconds while it runs; with `quiet`, only what went wrong.
    """

    def __init__(self, stream: TextIO | None = None, quiet: bool = False, every: float = 10.0) -> None:
        super().__init__()
        self._stream, self._quiet, self._every = stream or sys.stdout, quiet, every
        self._bars: Progress | None = None
        if not quiet and self._stream.isatty():
            words = (TextColumn(f"{{task.{name}}}", markup=False) for name in ("description", "fields[where]"))
            columns = (next(words), BarColumn(bar_width=16), TaskProgressColumn(), TimeElapsedColumn(), *words)
            self._bars = Progress(*columns, console=Console(file=stream), auto_refresh=False, transient=True)
        self._tasks: dict[str, TaskID] = {}
        self._said: dict[str, float] = {}
        self.remaining = Remaining({})

    def begin(self, expected: Mapping[str, float], phases: Phases = ()) -> None:
        """These stages will run; `expected` has the seconds that each should take."""
        self.remaining = Remaining(expected, phases or [(expected, 2)])
        if self._bars:
            self.enter_context(self._bars)
            self._tasks[""] = self._bars.add_task("all stages", total=1.0, where="")

    def started(self, stage: str) -> None:
        self.remaining.start(stage)
        self._said[stage] = self.remaining.now()
        if not self._bars:
            self.say(f"start {stage}")

    def progressed(self, stage: str, event: Event) -> None:
        running, now = self.remaining.update(stage, event), self.remaining.now()
        if not (self._bars or self._quiet) and now - self._said[stage] >= self._every:
            self._said[stage] = now
            self.say(f"  {stage}  {where(running.state)}  {running.done:4.0%}  {self._left()}".rstrip())

    def finished(self, stage: str, ran: bool) -> None:
        """A stage is done; `ran` is false if it came from the cache, which is not shown."""
        took, now = duration(self.remaining.end(stage, ran)), self.remaining
        if ran and self._bars:
            self.say(f"done {stage}  {took}")
        elif ran and not self._quiet:
            count = f"[{len(now.finished) + now.failed}/{len(now.expected)}]"
            self.say(f"{count} {stage}  {took}  {self._left()}".rstrip())

    def failed(self, stage: str, reason: str, log: Path) -> None:
        """A stage failed: show the end of what it printed, and where the rest is."""
        self.remaining.end(stage, ran=True, failed=True)
        lines = log.read_text(errors="replace").rstrip().splitlines()[-TAIL:] if log.is_file() else []
        self.warn("\n".join([f"FAILED {stage}: {reason}", *(f"  | {line}" for line in lines), f"  all of it: {log}"]))

    def dropped(self, stage: str, reason: str) -> None:
        self.remaining.waiting.discard(stage)
        self.warn(f"not run {stage}: {reason}")

    def refresh(self) -> None:
        """Redraw the bars, only those of running stages."""
        if not self._bars:
            return
        now = self.remaining
        for stage in self._tasks.keys() - now.running.keys() - {""}:
            self._bars.remove_task(self._tasks.pop(stage))
        for stage, running in now.running.items():
            if stage not in self._tasks:
                self._tasks[stage] = self._bars.add_task(stage, total=1.0, where="")
            self._bars.update(self._tasks[stage], completed=running.done, where=where(running.state))
        counts = f"{len(now.finished)} done, {len(now.running)} running, {len(now.waiting)} waiting"
        counts += f", {now.failed} failed" if now.failed else ""
        told = ", ".join(filter(None, [counts, self._left()]))
        self._bars.update(self._tasks[""], completed=now.share(), where=told)
        self._bars.refresh()

    def say(self, text: str) -> None:
        if not self._quiet:
            self.warn(text)

    def warn(self, text: str) -> None:
        """Show what the user must know, even with `quiet`."""
        if self._bars:  # above them
            self._bars.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, file=self._stream, flush=True)

    def _left(self) -> str:
        left = self.remaining.seconds_left()
        return "" if left is None else f"about {duration(left)} left"


@dataclass
class Running:
    """A running stage."""

    began: float
    state: Event = field(default_factory=dict)  # what it last reported
    done: float = 0.0  # the share of its work that is done, as far as it has reported
    first: tuple[float, float] | None = None  # when it first reported that share, and which


class Remaining:
    """Counts stages, and the seconds that they are expected to take and that they `took`; `now` is the clock."""

    def __init__(
        self, expected: Mapping[str, float], phases: Phases = (), now: Callable[[], float] = time.monotonic
    ) -> None:
        self.expected, self.phases, self.now = dict(expected), phases, now
        self.running: dict[str, Running] = {}
        self.waiting = set(expected)
        self.finished: set[str] = set()
        self.failed = 0
        self.took: dict[str, float] = {}  # of stages whose command ran to its end

    def start(self, stage: str) -> None:
        self.waiting.discard(stage)
        self.running[stage] = Running(self.now())

    def update(self, stage: str, event: Event) -> Running:
        """A stage reports something; what it does not repeat still holds."""
        one = self.running[stage]
        one.state.update(event)
        one.done = float(one.state.get("done", 0.0))
        if one.first is None and "done" in event:
            one.first = self.now(), one.done  # until now it was loading, which says nothing about its speed
        return one

    def end(self, stage: str, ran: bool, failed: bool = False) -> float:
        """A stage ends; returns its seconds. One that did not run says nothing about how long others take."""
        seconds = self.now() - self.running.pop(stage).began
        self.failed += failed
        if not failed:
            self.finished.add(stage)
            if ran:
                self.took[stage] = seconds
        return seconds

    def share(self) -> float:
        """The share of all seconds that is done, between 0 and 1."""
        rates = self._rates()
        whole = sum(seconds * rates.get(_kind(name), 1.0) for name, seconds in self.expected.items())
        return 1 - sum(self._left(rates).values()) / whole if whole > 0 else 0.0

    def seconds_left(self) -> float | None:
        """For all phases, each at least as long as its longest stage; None while the speed of trainings is unknown."""
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
            left[name] = max(whole - passed, 0.05 * whole)  # a stage that overruns still has some time left
        return left

    def _rates(self) -> dict[str, float]:
        """Kind of stage -> seconds taken per second expected, by its stages that have ended or are well under way."""
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
    """The kind of a stage: all trainings are of one, and so is an analysis on all datasets."""
    name, _, rest = stage.partition("@")
    if name.startswith("train"):
        return "train"
    return f"{name} {rest.rpartition('-')[2]}" if name == "analyse" else name


def duration(seconds: float) -> str:
    """Seconds in readable form: 8 s, 3:05 min, 2:10 h."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"
