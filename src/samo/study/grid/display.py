"""What a person sees while cells run: bars on a terminal, lines in a log, or nothing but what went wrong."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from samo.study.grid.clock import Cell, Clock, duration
from samo.study.grid.progress import Event

TAIL = 15
"""Lines of a failed stage's log that are shown."""


class Display:
    """Says only what went wrong; the base of those that say more.

    Args:
        stream: where to; None for standard output.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._clock = Clock({})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """The end, whether all is done or not."""

    def begin(self, weights: Mapping[str, float]) -> None:
        """These stages will run; each with how much work it is."""
        self._clock = Clock(weights)

    def started(self, stage: str) -> None:
        """A stage starts."""
        self._clock.start(stage)

    def progressed(self, stage: str, event: Event) -> None:
        """A stage says where it is."""
        self._clock.update(stage, event)

    def finished(self, stage: str, ran: bool) -> None:
        """A stage is done; `ran` is false where it came out of the cache."""
        self._clock.end(stage, ran)

    def failed(self, stage: str, reason: str, log: Path) -> None:
        """A stage failed: the end of what it printed, and where the rest is."""
        self._clock.end(stage, ran=True, failed=True)
        lines = log.read_text(errors="replace").rstrip().splitlines()[-TAIL:] if log.is_file() else []
        block = [f"FAILED {stage}: {reason}", *(f"  | {line}" for line in lines), f"  all of it: {log}"]
        self._print("\n".join(block))

    def dropped(self, stage: str, reason: str) -> None:
        """A stage will not run."""
        self._clock.drop(stage)
        self._print(f"not run {stage}: {reason}")

    def refresh(self) -> None:
        """Time has passed."""

    def say(self, text: str) -> None:
        """Something that is not about one stage, and no failure."""

    def warn(self, text: str) -> None:
        """What a person must hear at the end, however quiet."""
        self._print(text)

    def _print(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


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
        self._said[stage] = self._clock.now()
        if stage not in self._clock.finished:  # else it only comes out of the cache
            self._print(f"start {stage}")

    def progressed(self, stage: str, event: Event) -> None:
        """A stage says where it is: passed on, if it has been silent for long enough."""
        super().progressed(stage, event)
        if self._clock.now() - self._said[stage] >= self._every:
            self._said[stage] = self._clock.now()
            cell = self._clock.running[stage]
            self._print(f"  {stage}  {where(cell)}  {cell.done:4.0%}  {self._left()}")

    def finished(self, stage: str, ran: bool) -> None:
        """A stage is done."""
        began = self._clock.running[stage].began
        super().finished(stage, ran)
        count = f"[{len(self._clock.finished) + self._clock.failed}/{self._clock.total}]"
        if ran:
            self._print(f"{count} {stage}  {duration(self._clock.now() - began)}  {self._left()}")

    def say(self, text: str) -> None:
        """Something that is not about one stage."""
        self._print(text)

    def _left(self) -> str:
        left = self._clock.seconds_left()
        return "" if left is None else f"(about {duration(left)} left)"


class Bars(Display):
    """One bar a running stage and one for all: for a terminal.

    Args:
        stream: the terminal; None for standard output.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self._live = Live(console=Console(file=self._stream), auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bars away; the lines of what ended stay."""
        self._live.stop()

    def finished(self, stage: str, ran: bool) -> None:
        """A stage is done: its line stays above the bars."""
        began = self._clock.running[stage].began
        super().finished(stage, ran)
        if ran:
            self._print(f"done {stage}  {duration(self._clock.now() - began)}")

    def refresh(self) -> None:
        """Draw the bars anew."""
        self._live.update(self.picture(), refresh=True)

    def picture(self) -> Group:
        """The bars as they are now."""
        clock = self._clock
        rows = Table.grid(padding=(0, 2))
        for stage, cell in clock.running.items():
            told = "done" in cell.state
            rows.add_row(
                stage,
                where(cell),
                ProgressBar(total=1.0, completed=cell.done, width=20) if told else "",
                f"{cell.done:4.0%}" if told else "",
                duration(clock.now() - cell.began),
            )
        left = clock.seconds_left()
        counts = f"{len(clock.finished)} done, {len(clock.running)} running, {clock.waiting} waiting"
        counts += f", {clock.failed} failed" if clock.failed else ""
        overall = Table.grid(padding=(0, 2))
        overall.add_row(
            ProgressBar(total=1.0, completed=clock.share(), width=40),
            counts,
            "" if left is None else f"about {duration(left)} left",
        )
        return Group(rows, overall)

    def say(self, text: str) -> None:
        """Something that is not about one stage."""
        self._print(text)

    def _print(self, text: str) -> None:
        self._live.console.print(text, markup=False, highlight=False, soft_wrap=True)


def where(cell: Cell) -> str:
    """Which phase and epoch a cell is in, and its loss, as far as it says."""
    state = cell.state
    words = [str(state["phase"])] if state.get("phase") else []
    if state.get("epoch") is not None:
        of = f"/{state['epochs']}" if state.get("epochs") else ""
        words.append(f"epoch {state['epoch']}{of}")
    if isinstance(loss := state.get("loss"), int | float):
        words.append(f"loss {loss:.3f}")
    return ", ".join(words)


def display(quiet: bool = False) -> Display:
    """The display that fits: bars on a terminal, lines elsewhere, failures alone if `quiet`."""
    if quiet:
        return Display()
    return Bars() if sys.stdout.isatty() else Lines()
