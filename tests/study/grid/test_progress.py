"""Progress files, the estimate of the time left, and what the displays write."""

import io
import multiprocessing
import re
from pathlib import Path

import pytest

from samo.study.grid.display import Bars, Display, Lines, display
from samo.study.grid.remaining import Remaining, Running, duration
from samo.study.progress import Tail, report, where


def test_nobody_watches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAMO_PROGRESS", raising=False)
    report(update=1)
    for place in (tmp_path / "no" / "such" / "folder", tmp_path):
        monkeypatch.setenv("SAMO_PROGRESS", str(place))
        report(update=1)


def test_events_come_once_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "stage.jsonl"
    tail = Tail(path)
    assert tail.read() == []
    monkeypatch.setenv("SAMO_PROGRESS", str(path))
    report(condition="multimnist/ls", update=1, loss=0.5)
    assert tail.read() == [{"condition": "multimnist/ls", "update": 1, "loss": 0.5}]
    with path.open("a") as file:
        file.write('not json\n[1]\n{"epo')
    assert tail.read() == []
    with path.open("a") as file:
        file.write('ch": 2}\n')
    assert tail.read() == [{"update": 2}]


def _report_many(path: str, writer: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAMO_PROGRESS", path)
        for number in range(200):
            report(writer=writer, number=number, padding="x" * 300)


def test_writers_do_not_mix_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "stage.jsonl"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_report_many, args=(str(path), number)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = sorted((event["writer"], event["number"]) for event in Tail(path).read())
    assert found == [(writer, number) for writer in range(4) for number in range(200)]


class Time:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_the_time_left_counts_all_that_is_still_to_run() -> None:
    """Six trainings two at a time, then an analysis, then tables and report one after the other."""
    time = Time()
    trains = [f"train@x-{n}" for n in range(6)]
    expected = dict.fromkeys(trains, 10.0) | {"analyse@x-probe": 20.0, "tables": 30.0, "report": 40.0}
    left = Remaining(expected, [(trains, 2), (("analyse@x-probe",), 2), (("tables", "report"), 1)], time)
    assert left.seconds_left() is None  # no training has said how fast it is
    left.start(trains[0])
    left.start(trains[1])
    time.seconds += 10
    assert left.seconds_left() is None
    left.update(trains[0], {"done": 0.5})  # half of what was expected to take 10 s took 10 s: twice as slow
    left.update(trains[1], {"done": 0.5})
    assert left.seconds_left() == pytest.approx((2 * 10 + 4 * 20) / 2 + 20 + 30 + 40)
    time.seconds += 10
    for name in trains:
        if name not in left.running:
            left.start(name)
        left.end(name, ran=name in trains[:2])
    # What comes out of the cache says nothing of the rate, and the rate of trainings nothing of tables.
    assert left.seconds_left() == pytest.approx(20 + 30 + 40)
    left.start("analyse@x-probe")
    left.end("analyse@x-probe", ran=True)
    left.start("tables")
    time.seconds += 12
    assert left.seconds_left() == pytest.approx(18 + 40)
    time.seconds += 100
    assert left.seconds_left() == pytest.approx(0.05 * 30 + 40)  # longer than expected, and still not over
    left.end("tables", ran=True)
    left.drop("report")
    assert (left.seconds_left(), left.share()) == (0, 1)
    assert left.took == pytest.approx({trains[0]: 20, trains[1]: 20, "analyse@x-probe": 0, "tables": 112})


def test_a_phase_takes_as_long_as_its_longest_stage() -> None:
    time = Time()
    left = Remaining({"tables": 100.0, "a": 1.0}, [(("tables", "a"), 2)], time)
    assert left.seconds_left() == 100
    left.start("tables")
    time.seconds += 50
    assert left.share() == pytest.approx(50 / 101)


@pytest.mark.parametrize(("done", "expected"), [(None, 0), ("half", 0), (2, 1), (-1, 0), (0.25, 0.25)])
def test_a_share_that_is_none(done: object, expected: float) -> None:
    assert Running(0.0, {"done": done}).done == expected


def test_words() -> None:
    said = {0: "0 s", 59.4: "59 s", 59.6: "1:00 min", 185: "3:05 min", 7800: "2:10 h"}
    assert {seconds: duration(seconds) for seconds in said} == said
    assert where({}) == ""
    assert where({"phase": "seed 1 (2/3)", "update": 2, "updates": 4}) == "seed 1 (2/3), update 2/4"
    assert where({"update": 2, "loss": 0.12345}) == "update 2, loss 0.123"
    assert where({"update": 2, "loss": None}) == "update 2"  # of a training that has just begun


def drive(shown: Display, log: Path) -> None:
    """Three stages: one ends, one fails, one is not run for it."""
    with shown:
        shown.begin({"train@x-a": 1.0, "train@x-b": 1.0, "tables": 1.0})
        shown.started("train@x-a")
        shown.progressed("train@x-a", {"phase": "seed 0", "update": 1, "updates": 4, "done": 0.25})
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
    assert "train@x-a  seed 0, update 1/4   25%  about" in said
    assert "[1/3] train@x-a  0 s  about" in said
    assert "FAILED train@x-b: exited with 1\n  | line 25\n" in said
    assert f"  | line 39\n  all of it: {log}\n" in said
    assert "not run tables: it needs train@x-b\n" in said


def test_lines_are_few() -> None:
    stream = io.StringIO()
    lines = Lines(stream, every=10)
    lines.begin({"a": 1.0})
    lines.started("a")
    for n in range(100):
        lines.progressed("a", {"update": n})
    assert stream.getvalue() == "start a\n"


def test_quiet_and_bars(tmp_path: Path) -> None:
    stream = io.StringIO()
    drive(Display(stream), tmp_path / "none.log")
    assert [line.split()[0] for line in stream.getvalue().splitlines()] == ["FAILED", "all", "not"]
    assert type(display(quiet=True)) is Display
    assert type(display()) is Lines
    stream = io.StringIO()
    drive(Bars(stream), tmp_path / "none.log")  # what a terminal shows: test_terminal.py
    assert re.findall(r"^\w+ \S+", stream.getvalue(), re.MULTILINE) == [
        "done train@x-a",
        "FAILED train@x-b:",
        "not run",
    ]
