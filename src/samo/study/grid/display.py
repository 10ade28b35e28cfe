"""What a person sees while stages run: bars on a terminal, lines in a log, or nothing but what went wrong."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from samo.study.grid.remaining import Phases, Remaining, duration
from samo.study.progress import Event, where

TAIL = 15
"""Lines of a failed stage's log that are shown."""


class Display:
    """Says only what went wrong; the base of those that say more.

    Args:
        stream: where to; None for standard output.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self.remaining = Remaining({})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """The end, whether all is done or not."""

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
        self._ended(stage, self.remaining.end(stage, ran), ran)

    def failed(self, stage: str, reason: str, log: Path) -> None:
        """A stage failed: the end of what it printed, and where the rest is."""
        self._ended(stage, self.remaining.end(stage, ran=True, failed=True), ran=False)
        lines = log.read_text(errors="replace").rstrip().splitlines()[-TAIL:] if log.is_file() else []
        block = [f"FAILED {stage}: {reason}", *(f"  | {line}" for line in lines), f"  all of it: {log}"]
        self.warn("\n".join(block))

    def dropped(self, stage: str, reason: str) -> None:
        """A stage will not run."""
        self.remaining.drop(stage)
        self.warn(f"not run {stage}: {reason}")

    def refresh(self) -> None:
        """Time has passed."""

    def say(self, text: str) -> None:
        """Something that is not about one stage, and no failure."""

    def warn(self, text: str) -> None:
        """What a person must hear, however quiet."""
        print(text, file=self._stream, flush=True)

    def _ended(self, stage: str, seconds: float, ran: bool) -> None:
        """What is said of a stage's end beside a failure."""

    def _left(self) -> str:
        left = self.remaining.seconds_left()
        return "" if left is None else f"about {duration(left)} left"


class Lines(Display):
    """A line when a stage starts and ends, and one now and then while it runs: for logs and pipes.

    Args:
        stream: where to; None for standard output.
        every: seconds between two lines of one stage.
    """

    def __init__(self, stream: TextIO | None = None, every: float = 10.0) -> None:
        super().__init__(stream)
        self._every = every
        self._said: dict[str, float] = {}

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

    def say(self, text: str) -> None:
        """Something that is not about one stage."""
        self.warn(text)

    def _ended(self, stage: str, seconds: float, ran: bool) -> None:
        if ran:
            count = f"[{len(self.remaining.finished) + self.remaining.failed}/{self.remaining.total}]"
            self.say(f"{count} {stage}  {duration(seconds)}  {self._left()}".rstrip())


class Bars(Display):
    """One bar for all and one a running stage: for a terminal.

    Args:
        stream: the terminal; None for standard output.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=16),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[where]}", markup=False),
            console=Console(file=self._stream),
            auto_refresh=False,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._all: TaskID | None = None

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bars away; the lines of what ended stay."""
        self._bars.stop()

    def begin(self, expected: Mapping[str, float], phases: Phases = ()) -> None:
        """These stages will run."""
        super().begin(expected, phases)
        self._all = self._bars.add_task("all stages", total=1.0, where="")

    def started(self, stage: str) -> None:
        """A stage starts: it gets a bar."""
        super().started(stage)
        self._tasks[stage] = self._bars.add_task(stage, total=1.0, where="")

    def progressed(self, stage: str, event: Event) -> None:
        """A stage says where it is."""
        super().progressed(stage, event)
        running = self.remaining.running[stage]
        self._bars.update(self._tasks[stage], completed=running.done, where=where(running.state))

    def refresh(self) -> None:
        """Draw the bars anew."""
        counted = self.remaining
        counts = f"{len(counted.finished)} done, {len(counted.running)} running, {counted.waiting} waiting"
        counts += f", {counted.failed} failed" if counted.failed else ""
        if self._all is not None:
            told = ", ".join(filter(None, [counts, self._left()]))
            self._bars.update(self._all, completed=counted.share(), where=told)
        self._bars.refresh()

    def say(self, text: str) -> None:
        """Something that is not about one stage."""
        self.warn(text)

    def warn(self, text: str) -> None:
        """What a person must hear: above the bars."""
        self._bars.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _ended(self, stage: str, seconds: float, ran: bool) -> None:
        self._bars.remove_task(self._tasks.pop(stage))
        if ran:
            self.say(f"done {stage}  {duration(seconds)}")


def display(quiet: bool = False) -> Display:
    """The display that fits: bars on a terminal, lines elsewhere, failures alone if `quiet`."""
    if quiet:
        return Display()
    return Bars() if sys.stdout.isatty() else Lines()
