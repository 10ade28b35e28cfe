"""Progress files, the estimate of the time left, and what the displays write."""

import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from samo.study.grid import display
from samo.study.grid.display import Display, duration
from samo.study.progress import Tail, report, where
from tests.forks import ended, forked


def test_events_come_once_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "stage.jsonl"
    tail = Tail(path)
    assert tail.read() == []
    monkeypatch.delenv("SAMO_PROGRESS", raising=False)
    report(update=0)  # nobody watches
    monkeypatch.setenv("SAMO_PROGRESS", str(tmp_path / "no/such/folder"))
    report(update=0)
    monkeypatch.setenv("SAMO_PROGRESS", str(path))
    report(condition="multimnist/ls", update=1, loss=0.5)
    assert tail.read() == [{"condition": "multimnist/ls", "update": 1, "loss": 0.5}]
    with path.open("a") as file:
        file.write('not json\n[1]\n{"upda')
    assert tail.read() == []
    with path.open("a") as file:
        file.write('te": 2}\n')
    assert tail.read() == [{"update": 2}]


def test_writers_do_not_mix_their_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "stage.jsonl"
    monkeypatch.setenv("SAMO_PROGRESS", str(path))

    def write(writer: int) -> None:
        for number in range(200):
            report(writer=writer, number=number, padding="x" * 300)

    writers = [forked(partial(write, number)) for number in range(4)]
    assert list(map(ended, writers)) == [0] * 4
    found = sorted((event["writer"], event["number"]) for event in Tail(path).read())
    assert found == [(writer, number) for writer in range(4) for number in range(200)]


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that a test sets."""
    clock = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(display, "monotonic", lambda: clock.seconds)
    return clock


def test_the_time_left_counts_all_that_is_still_to_run(time: SimpleNamespace) -> None:
    """Six trainings two at a time, then an analysis, then tables and report one after the other."""
    trains = [f"train@x-{n}" for n in range(6)]
    expected = dict.fromkeys(trains, 10.0) | {"analyse@x-probe": 20.0, "tables": 30.0, "report": 40.0}
    phases = [(trains, 2), (["analyse@x-probe"], 2), (["tables", "report"], 1)]
    left = Display(expected, phases, quiet=True)
    assert left.seconds_left() is None  # no training has said how fast it is
    for name in trains[:2]:
        left.started(name)
        left.progressed(name, {"phase": "loading"})
    time.seconds += 10  # each loads its libraries, which says nothing of how fast it trains
    for done in (0.0, 0.001):
        for name in trains[:2]:
            left.progressed(name, {"done": done})
        assert left.seconds_left() is None
        time.seconds += 5
    for name in trains[:2]:
        left.progressed(name, {"done": 0.5})  # half of what was expected to take 10 s took 10 s: twice as slow
    assert left.seconds_left() == pytest.approx((2 * 10 + 4 * 20) / 2 + 20 + 30 + 40)
    for name in trains[2:]:
        left.started(name)
    for name in trains:
        left.finished(name, ran=name in trains[:2])
    # What comes out of the cache says nothing of the rate, and the rate of trainings nothing of tables.
    assert left.seconds_left() == pytest.approx(20 + 30 + 40)
    left.started("analyse@x-probe")
    left.finished("analyse@x-probe", ran=True)
    left.started("tables")
    time.seconds += 12
    assert left.seconds_left() == pytest.approx(18 + 40)
    time.seconds += 100
    assert left.seconds_left() == pytest.approx(0.05 * 30 + 40)  # longer than expected, and still not over
    left.finished("tables", ran=True)
    left.dropped("report", "of nothing")
    assert (left.seconds_left(), left.share()) == (0, 1)
    assert left.took == pytest.approx({trains[0]: 20, trains[1]: 20, "analyse@x-probe": 0, "tables": 112})


def test_a_phase_takes_as_long_as_its_longest_stage(time: SimpleNamespace) -> None:
    left = Display({"tables": 100.0, "a": 1.0}, [(["tables", "a"], 2)], quiet=True)
    assert left.seconds_left() == 100
    left.started("tables")
    time.seconds += 50
    assert left.share() == pytest.approx(50 / 101)


def test_words() -> None:
    said = {0: "0 s", 59.4: "59 s", 59.6: "1:00 min", 185: "3:05 min", 7800: "2:10 h"}
    assert {seconds: duration(seconds) for seconds in said} == said
    assert where({}) == ""
    assert where({"phase": "seed 1 (2/3)", "update": 2, "updates": 4}) == "seed 1 (2/3), update 2/4"
    assert where({"update": 2, "loss": 0.12345}) == "update 2, loss 0.123"
    assert where({"update": 2, "loss": None}) == "update 2"  # of a training that has just begun


def said(capsys: pytest.CaptureFixture[str], log: Path, quiet: bool = False) -> list[str]:
    """Three stages: one ends, one fails, one is not run for it."""
    expected = {"train@x-a": 1.0, "train@x-b": 1.0, "tables": 1.0}
    with Display(expected, [(expected, 2)], quiet) as shown:
        shown.started("train@x-a")
        for update in range(1, 5):
            shown.progressed("train@x-a", {"phase": "seed 0", "update": update, "updates": 4, "done": update / 4})
        shown.started("train@x-b")
        shown.refresh()
        shown.finished("train@x-a", ran=True)
        shown.failed("train@x-b", "exited with 1", log)
        shown.dropped("tables", "it needs train@x-b")
        shown.refresh()
    return capsys.readouterr().out.splitlines()


def test_what_the_displays_say(tmp_path, capsys, monkeypatch):
    log = tmp_path / "b.log"
    log.write_text("".join(f"line {number}\n" for number in range(40)))
    failure = ["FAILED train@x-b: exited with 1", *(f"  | line {n}" for n in range(25, 40)), f"  all of it: {log}"]
    failure.append("not run tables: it needs train@x-b")
    assert said(capsys, log, quiet=True) == failure
    lines = said(capsys, log)
    assert lines == ["start train@x-a", "start train@x-b", lines[2], *failure]
    assert lines[2].startswith("[1/3] train@x-a  0 s  about")
    monkeypatch.setattr(display, "EVERY", 0)
    assert "  train@x-a  seed 0, update 4/4  100%  about" in said(capsys, log)[4]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    bars = said(capsys, log)  # the bars themselves: test_grid.py
    assert all(any(line.endswith(words) for line in bars) for words in [*failure, "done train@x-a  0 s"])
