"""Progress files, the estimate of the time left, and what the displays write."""

import io
import multiprocessing
from pathlib import Path

import pytest
from rich.console import Console

from samo.study.grid.clock import Cell, Clock, duration
from samo.study.grid.display import Bars, Display, Lines, display, where
from samo.study.grid.progress import Tail, report


def test_nobody_watches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAMO_PROGRESS", raising=False)
    report(epoch=1)
    monkeypatch.setenv("SAMO_PROGRESS", str(tmp_path / "no" / "such" / "folder"))
    report(epoch=1)
    monkeypatch.setenv("SAMO_PROGRESS", str(tmp_path))
    report(epoch=1)


def test_events_come_once_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cell.jsonl"
    tail = Tail(path)
    assert tail.read() == []
    monkeypatch.setenv("SAMO_PROGRESS", str(path))
    report(cell="multimnist/ls", epoch=1, loss=0.5)
    assert tail.read() == [{"cell": "multimnist/ls", "epoch": 1, "loss": 0.5}]
    with path.open("a") as file:
        file.write('not json\n[1]\n{"epo')
    assert tail.read() == []
    with path.open("a") as file:
        file.write('ch": 2}\n')
    assert tail.read() == [{"epoch": 2}]
    assert tail.read() == []


def _report_many(path: str, writer: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAMO_PROGRESS", path)
        for number in range(200):
            report(writer=writer, number=number, padding="x" * 300)


def test_writers_do_not_mix_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "cell.jsonl"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_report_many, args=(str(path), number)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    events = Tail(path).read()
    assert sorted((event["writer"], event["number"]) for event in events) == [
        (writer, number) for writer in range(4) for number in range(200)
    ]


class Time:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_time_left_follows_the_rate() -> None:
    time = Time()
    clock = Clock({"a": 1.0, "b": 2.0, "c": 3.0}, time)
    assert clock.seconds_left() is None
    clock.start("a")
    time.seconds += 10
    assert clock.seconds_left() is None
    clock.end("a", ran=True)
    # 10 s for a weight of 1; one worker: 5 are left.
    assert clock.seconds_left() == pytest.approx(50)
    assert clock.share() == pytest.approx(1 / 6)
    clock.start("b")
    clock.start("c")
    time.seconds += 20
    clock.update("b", {"done": 0.5})
    clock.update("c", {"done": 1 / 3})
    # 3 of weight took 50 worker-seconds; two workers share the 3 left, but c alone still has 2.
    assert clock.seconds_left() == pytest.approx(2 * 50 / 3)


def test_what_comes_out_of_the_cache_says_nothing_of_the_rate() -> None:
    time = Time()
    clock = Clock({"a": 1.0, "b": 1.0, "c": 1.0}, time)
    clock.start("a")
    time.seconds += 8
    clock.end("a", ran=True)
    clock.start("b")
    clock.end("b", ran=False)
    assert clock.seconds_left() == pytest.approx(8)
    clock.drop("c")
    assert clock.seconds_left() == 0
    assert clock.finished == {"a", "b"}


@pytest.mark.parametrize(("done", "expected"), [(None, 0), ("half", 0), (2, 1), (-1, 0), (0.25, 0.25)])
def test_a_share_that_is_none(done: object, expected: float) -> None:
    assert Cell(0.0, {"done": done}).done == expected


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (59.4, "59 s"), (59.6, "1:00 min"), (185, "3:05 min"), (7800, "2:10 h")]
)
def test_duration(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_where() -> None:
    assert where(Cell(0, {})) == ""
    assert where(Cell(0, {"phase": "seed 1 (2/3)", "epoch": 2, "epochs": 4})) == "seed 1 (2/3), epoch 2/4"
    assert where(Cell(0, {"epoch": 2})) == "epoch 2"
    assert where(Cell(0, {"epoch": 2, "loss": 0.12345})) == "epoch 2, loss 0.123"
    assert where(Cell(0, {"epoch": 2, "loss": None})) == "epoch 2"  # of a training that has just begun


def drive(shown: Display, log: Path) -> None:
    """Three cells: one ends, one fails, one is not run for it."""
    with shown:
        shown.begin({"train@x-a": 1.0, "train@x-b": 1.0, "tables": 1.0})
        shown.started("train@x-a")
        shown.progressed("train@x-a", {"phase": "seed 0", "epoch": 1, "epochs": 4, "done": 0.25})
        shown.started("train@x-b")
        shown.refresh()
        shown.finished("train@x-a", ran=True)
        shown.failed("train@x-b", "exited with 1", log)
        shown.dropped("tables", "it needs train@x-b")
        shown.refresh()


def test_lines_can_be_followed(tmp_path: Path) -> None:
    log = tmp_path / "b.log"
    log.write_text("".join(f"line {number}\n" for number in range(40)))
    stream = io.StringIO()
    drive(Lines(stream, every=0), log)
    said = stream.getvalue()
    assert "start train@x-a\n" in said
    assert "train@x-a  seed 0, epoch 1/4   25%  (about" in said
    assert "[1/3] train@x-a  0 s  (about" in said
    assert "FAILED train@x-b: exited with 1\n  | line 25\n" in said
    assert f"  | line 39\n  all of it: {log}\n" in said
    assert "not run tables: it needs train@x-b\n" in said


def test_lines_are_few() -> None:
    stream = io.StringIO()
    lines = Lines(stream, every=10)
    lines.begin({"a": 1.0})
    lines.started("a")
    for epoch in range(100):
        lines.progressed("a", {"epoch": epoch})
    assert stream.getvalue() == "start a\n"


def test_quiet_says_only_what_went_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    drive(Display(stream), tmp_path / "none.log")
    assert [line.split()[0] for line in stream.getvalue().splitlines()] == ["FAILED", "all", "not"]
    assert type(display(quiet=True)) is Display
    assert type(display()) is Lines


def test_bars_show_cells_and_the_whole(tmp_path: Path) -> None:
    bars = Bars(io.StringIO())
    bars.begin({"train@x-a": 1.0, "train@x-b": 3.0})
    bars.started("train@x-a")
    bars.progressed("train@x-a", {"phase": "seed 0", "epoch": 1, "epochs": 4, "done": 0.25})
    console = Console(file=io.StringIO(), width=100)
    with console.capture() as capture:
        console.print(bars.picture())
    cell, whole = capture.get().rstrip("\n").split("\n")
    assert "train@x-a  seed 0, epoch 1/4" in cell
    assert "25%" in cell
    assert "0 done, 1 running, 1 waiting" in whole
    assert "left" in whole
    drive(Bars(io.StringIO()), tmp_path / "none.log")
