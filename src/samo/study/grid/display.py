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
    """Is told what the stages do, and says so; a context, while they run.

    On a terminal there is one bar for all and one for each running stage, elsewhere a line when a stage starts and
    ends, and one in `every` seconds while it runs.

    Args:
        stream: standard output by default.
        quiet: say nothing but what went wrong.
        every: seconds between two lines on a running stage.
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
        """These stages will run; each with the seconds that it is expected to take."""
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
        """A stage is done; `ran` is false where it came out of the cache, of which nothing is said."""
        took, now = duration(self.remaining.end(stage, ran)), self.remaining
        if ran and self._bars:
            self.say(f"done {stage}  {took}")
        elif ran and not self._quiet:
            count = f"[{len(now.finished) + now.failed}/{len(now.expected)}]"
            self.say(f"{count} {stage}  {took}  {self._left()}".rstrip())

    def failed(self, stage: str, reason: str, log: Path) -> None:
        """The end of what it printed, and where the rest is."""
        self.remaining.end(stage, ran=True, failed=True)
        lines = log.read_text(errors="replace").rstrip().splitlines()[-TAIL:] if log.is_file() else []
        self.warn("\n".join([f"FAILED {stage}: {reason}", *(f"  | {line}" for line in lines), f"  all of it: {log}"]))

    def dropped(self, stage: str, reason: str) -> None:
        self.remaining.waiting.discard(stage)
        self.warn(f"not run {stage}: {reason}")

    def refresh(self) -> None:
        """Draw the bars anew, those of running stages alone."""
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
        """What a person may want to hear."""
        if not self._quiet:
            self.warn(text)

    def warn(self, text: str) -> None:
        """What a person must hear, however quiet."""
        if self._bars:  # above them
            self._bars.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, file=self._stream, flush=True)

    def _left(self) -> str:
        left = self.remaining.seconds_left()
        return "" if left is None else f"about {duration(left)} left"
