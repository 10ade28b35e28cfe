"""What a person sees while stages run: bars on a terminal, lines in a log, or nothing but what went wrong."""

import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from samo.study.grid.remaining import Phases, Remaining, duration
from samo.study.progress import Event, where

TAIL = 15
"""Lines of a failed stage's log that are shown."""


class Display(contextlib.ExitStack):
    """Says only what went wrong; the base of those that say more. A context, while stages run.

    Args:
        stream: where to; None for standard output.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__()
        self._stream = stream or sys.stdout
        self.remaining = Remaining({})

    def begin(self, expected: Mapping[str, float], phases: Phases = ()) -> None:
        """These stages will run; each with the seconds that it is expected to take."""
        self.remaining = Remaining(expected, phases)

    def started(self, stage: str) -> None:
        """A stage starts."""
        self.remaining.start(stage)

    def progressed(self, stage: str, event: Event) -> None:
        """A stage says where it is."""
        self.remaining.update(stage, event)

    def finished(self, stage: str, ran: bool) -> None:
        """A stage is done; `ran` is false where it came out of the cache."""
        seconds = self.remaining.end(stage, ran)
        if ran:
            self.done(stage, duration(seconds))

    def failed(self, stage: str, reason: str, log: Path) -> None:
        """A stage failed: the end of what it printed, and where the rest is."""
        self.remaining.end(stage, ran=True, failed=True)
        lines = log.read_text(errors="replace").rstrip().splitlines()[-TAIL:] if log.is_file() else []
        self.warn("\n".join([f"FAILED {stage}: {reason}", *(f"  | {line}" for line in lines), f"  all of it: {log}"]))

    def dropped(self, stage: str, reason: str) -> None:
        """A stage will not run."""
        self.remaining.drop(stage)
        self.warn(f"not run {stage}: {reason}")

    def refresh(self) -> None:
        """Time has passed."""

    def done(self, stage: str, took: str) -> None:
        """A stage ran to its end in that time."""

    def say(self, text: str) -> None:
        """Something that is not about one stage, and no failure."""

    def warn(self, text: str) -> None:
        """What a person must hear, however quiet."""
        print(text, file=self._stream, flush=True)

    def _left(self) -> str:
        left = self.remaining.seconds_left()
        return "" if left is None else f"about {duration(left)} left"


class Lines(Display):
    """A line when a stage starts and ends, and one in `every` seconds while it runs: for logs and pipes."""

    def __init__(self, stream: TextIO | None = None, every: float = 10.0) -> None:
        super().__init__(stream)
        self._every = every
        self._said: dict[str, float] = {}
        self.say = self.warn  # type: ignore[method-assign]

    def started(self, stage: str) -> None:
        """A stage starts."""
        super().started(stage)
        self._said[stage] = self.remaining.now()
        if stage not in self.remaining.finished:  # else it only comes out of the cache
            self.say(f"start {stage}")

    def progressed(self, stage: str, event: Event) -> None:
        """A stage says where it is: passed on, if it has been silent for long enough."""
        super().progressed(stage, event)
        if self.remaining.now() - self._said[stage] >= self._every:
            self._said[stage] = self.remaining.now()
            running = self.remaining.running[stage]
            self.say(f"  {stage}  {where(running.state)}  {running.done:4.0%}  {self._left()}".rstrip())

    def done(self, stage: str, took: str) -> None:
        """A stage ran to its end."""
        count = f"[{len(self.remaining.finished) + self.remaining.failed}/{self.remaining.total}]"
        self.say(f"{count} {stage}  {took}  {self._left()}".rstrip())


class Bars(Display):
    """One bar for all and one for each running stage: for a terminal."""

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        words = (TextColumn(f"{{task.{name}}}", markup=False) for name in ("description", "fields[where]"))
        columns = (next(words), BarColumn(bar_width=16), TaskProgressColumn(), TimeElapsedColumn(), *words)
        self._bars = Progress(*columns, console=Console(file=self._stream), auto_refresh=False, transient=True)
        self._tasks: dict[str, TaskID] = {}
        self.say = self.warn  # type: ignore[method-assign]

    def begin(self, expected: Mapping[str, float], phases: Phases = ()) -> None:
        """These stages will run."""
        super().begin(expected, phases)
        self.enter_context(self._bars)
        self._tasks[""] = self._bars.add_task("all stages", total=1.0, where="")

    def refresh(self) -> None:
        """Draw the bars anew, those of running stages alone."""
        now = self.remaining
        for stage in self._tasks.keys() - now.running.keys() - {""}:
            self._bars.remove_task(self._tasks.pop(stage))
        for stage, running in now.running.items():
            if stage not in self._tasks:
                self._tasks[stage] = self._bars.add_task(stage, total=1.0, where="")
            self._bars.update(self._tasks[stage], completed=running.done, where=where(running.state))
        counts = f"{len(now.finished)} done, {len(now.running)} running, {now.waiting} waiting"
        counts += f", {now.failed} failed" if now.failed else ""
        told = ", ".join(filter(None, [counts, self._left()]))
        self._bars.update(self._tasks[""], completed=now.share(), where=told)
        self._bars.refresh()

    def done(self, stage: str, took: str) -> None:
        """A stage ran to its end: its line stays above the bars."""
        self.say(f"done {stage}  {took}")

    def warn(self, text: str) -> None:
        """What a person must hear: above the bars."""
        self._bars.console.print(text, markup=False, highlight=False, soft_wrap=True)


def display(quiet: bool = False) -> Display:
    """The display that fits: bars on a terminal, lines elsewhere, failures alone if `quiet`."""
    if quiet:
        return Display()
    return Bars() if sys.stdout.isatty() else Lines()
