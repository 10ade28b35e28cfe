"""What the user sees while stages run: bars on a terminal, lines in a log, or nothing but what went wrong.

The time left follows from what each stage is expected to take, corrected by what earlier stages took.
"""

import contextlib
import sys
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from samo.study.progress import Event, where

Phases = Sequence[tuple[Collection[str], int]]
"""Stages, and how many of them run at once; one phase begins when the one before it is over."""
ENOUGH = 0.1  # the share of a stage's work that must be done before its speed says anything about other stages
EVERY = 10.0  # seconds between two lines about a running stage, where there are no bars
TAIL = 15  # lines of a failed stage's log that are shown


@dataclass
class Running:
    """A running stage."""

    began: float
    said: float  # when something was last shown of it
    state: Event = field(default_factory=dict)  # what it last reported
    done: float = 0.0  # the share of its work that is done, as far as it has reported
    first: tuple[float, float] | None = None  # when it first reported that share, and which


class Display(contextlib.ExitStack):
    """Counts what the stages do, and shows it; a context manager around their run.

    On a terminal there is one bar for all and one for each running stage; elsewhere a line when a stage starts and
    ends, and one every `EVERY` seconds while it runs; with `quiet`, only what went wrong. `expected` has the seconds
    that each stage should take; `took` gets those of stages whose command ran to its end.
    """

    def __init__(self, expected: Mapping[str, float], phases: Phases, quiet: bool = False) -> None:
        super().__init__()
        self.expected, self._phases, self._quiet = expected, phases, quiet
        self._waiting, self._done, self._failed = set(expected), 0, 0
        self._running: dict[str, Running] = {}
        self.took: dict[str, float] = {}
        self._bars: Progress | None = None
        if not quiet and sys.stdout.isatty():
            words = (TextColumn(f"{{task.{name}}}", markup=False) for name in ("description", "fields[where]"))
            columns = (next(words), BarColumn(bar_width=16), TaskProgressColumn(), TimeElapsedColumn(), *words)
            self._bars = self.enter_context(Progress(*columns, console=Console(), auto_refresh=False, transient=True))
            self._tasks = {"": self._bars.add_task("all stages", total=1.0, where="")}

    def started(self, stage: str) -> None:
        self._waiting.discard(stage)
        self._running[stage] = Running(began := monotonic(), said=began)
        if not self._bars:
            self.say(f"start {stage}")

    def progressed(self, stage: str, event: Event) -> None:
        """A stage reports something; what it does not repeat still holds."""
        one, now = self._running[stage], monotonic()
        one.state.update(event)
        one.done = float(one.state.get("done", 0.0))
        if one.first is None and "done" in event:
            one.first = now, one.done  # until now it was loading, which says nothing about its speed
        if not self._bars and now - one.said >= EVERY:
            one.said = now
            self.say(f"  {stage}  {where(one.state)}  {one.done:4.0%}  {self._left()}".rstrip())

    def finished(self, stage: str, ran: bool) -> None:
        """A stage is done; one that came from the cache is not shown, and says nothing of how long others take."""
        seconds = monotonic() - self._running.pop(stage).began
        self._done += 1
        if not ran:
            return
        self.took[stage] = seconds
        if self._bars:
            self.say(f"done {stage}  {duration(seconds)}")
        else:
            count = f"[{self._done + self._failed}/{len(self.expected)}]"
            self.say(f"{count} {stage}  {duration(seconds)}  {self._left()}".rstrip())

    def failed(self, stage: str, reason: str, log: Path) -> None:
        """A stage failed: show the end of what it printed, and where the rest is."""
        del self._running[stage]
        self._failed += 1
        lines = log.read_text(errors="replace").rstrip().splitlines()[-TAIL:] if log.is_file() else []
        self.warn("\n".join([f"FAILED {stage}: {reason}", *(f"  | {line}" for line in lines), f"  all of it: {log}"]))

    def dropped(self, stage: str, reason: str) -> None:
        self._waiting.discard(stage)
        self.warn(f"not run {stage}: {reason}")

    def refresh(self) -> None:
        """Redraw the bars, only those of running stages."""
        if not self._bars:
            return
        for stage in self._tasks.keys() - self._running.keys() - {""}:
            self._bars.remove_task(self._tasks.pop(stage))
        for stage, one in self._running.items():
            if stage not in self._tasks:
                self._tasks[stage] = self._bars.add_task(stage, total=1.0, where="")
            self._bars.update(self._tasks[stage], completed=one.done, where=where(one.state))
        counts = f"{self._done} done, {len(self._running)} running, {len(self._waiting)} waiting"
        counts += f", {self._failed} failed" if self._failed else ""
        told = ", ".join(filter(None, [counts, self._left()]))
        self._bars.update(self._tasks[""], completed=self.share(), where=told)
        self._bars.refresh()

    def say(self, text: str) -> None:
        if not self._quiet:
            self.warn(text)

    def warn(self, text: str) -> None:
        """Show what the user must know, even with `quiet`."""
        if self._bars:  # above them
            self._bars.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, flush=True)

    def share(self) -> float:
        """The share of all seconds that is done, between 0 and 1."""
        whole, left = self._seconds()
        return 1 - sum(left.values()) / sum(whole.values()) if any(whole.values()) else 0.0

    def seconds_left(self) -> float | None:
        """For all phases, each at least as long as its longest stage; None while the speed of trainings is unknown."""
        _, left = self._seconds()
        if "train" not in self._rates() and any(_kind(name) == "train" for name in left):
            return None
        phases = [([left[name] for name in stages if name in left], width) for stages, width in self._phases]
        return sum(max(sum(own) / width, max(own, default=0.0)) for own, width in phases)

    def _left(self) -> str:
        left = self.seconds_left()
        return "" if left is None else f"about {duration(left)} left"

    def _seconds(self) -> tuple[dict[str, float], dict[str, float]]:
        """What each stage should take at the rate of its kind, and what is left of those that are not over."""
        rates = self._rates()
        whole = {name: seconds * rates.get(_kind(name), 1.0) for name, seconds in self.expected.items()}
        left = {name: whole[name] for name in self._waiting}
        for name, one in self._running.items():
            passed = one.done * whole[name] if one.done > 0 else monotonic() - one.began
            left[name] = max(whole[name] - passed, 0.05 * whole[name])  # one that overruns still has some time left
        return whole, left

    def _rates(self) -> dict[str, float]:
        """Kind of stage -> seconds taken per second expected, by its stages that have ended or are well under way."""
        took: dict[str, float] = defaultdict(float)
        expected: dict[str, float] = defaultdict(float)
        for name, seconds in self.took.items():
            took[_kind(name)] += seconds
            expected[_kind(name)] += self.expected[name]
        for name, one in self._running.items():
            since, before = one.first or (0.0, 1.0)
            if one.done - before >= ENOUGH:
                took[_kind(name)] += monotonic() - since
                expected[_kind(name)] += self.expected[name] * (one.done - before)
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
    unit, name = (60, "min") if whole < 3600 else (3600, "h")
    return f"{whole // unit}:{whole % unit * 60 // unit:02d} {name}"
