"""A condition that was stopped goes on, and ends with the bytes of one that was not."""

import pickle
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from samo.study.runs import checkpoint
from samo.study.runs.checkpoint import Checkpoints
from samo.study.runs.condition import OpenCondition, train_condition
from tests.corpus.entry import Harm
from tests.study.made_study import content

WRITE = Checkpoints.write


class Stopped(BaseException):
    """As a signal would."""


@pytest.fixture(autouse=True)
def each_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(checkpoint.SECONDS, "0")


def kept(folder: Path) -> Checkpoints:
    return Checkpoints(folder, {"params": "p", "data": "d", "code": "c"}, torch.device("cpu"))


def stop_at(monkeypatch: pytest.MonkeyPatch, passes: int) -> list[int]:
    """Stop once so many passes have ended; the list counts those that begin anew or go on."""
    ended = [0]

    def write_and_stop(self: Checkpoints, name: str, make: Any) -> bool:
        written = WRITE(self, name, make)
        ended[0] += name != "search"
        if ended[0] == passes and name != "search":
            raise Stopped
        return written

    monkeypatch.setattr(Checkpoints, "write", write_and_stop)
    return ended


@pytest.mark.slow  # three whole conditions
def test_wherever_it_stops_it_ends_with_the_same_bytes(study, monkeypatch):
    """Three trials of one pass over the data, then two seeds of one and of two."""
    train_condition("multimnist", "samo-ls")
    whole = content(study, "samo-ls")
    assert len(whole) == 7
    assert not (study / ".samo/checkpoints/multimnist/samo-ls").exists()
    (study / "data/runs/multimnist/samo-ls/metrics.json").unlink()
    trained = 0
    for _ in range(9):
        ended = stop_at(monkeypatch, 1)  # each attempt gets one pass further
        with pytest.raises(Stopped):
            train_condition("multimnist", "samo-ls")
        trained += ended[0]
    assert (study / ".samo/checkpoints/multimnist/samo-ls/search.pt").exists()
    ended = stop_at(monkeypatch, 99)
    train_condition("multimnist", "samo-ls")
    assert trained == 9
    assert ended == [0]  # every pass had been kept
    assert content(study, "samo-ls") == whole
    assert not (study / ".samo/checkpoints/multimnist/samo-ls").exists()


def test_a_checkpoint_of_something_else_is_said_and_not_used(study, monkeypatch):
    """Each attempt makes the first five of nine passes: one that took the other's up would come to its end."""
    for what, file, old, new in (
        ("", "params.yaml", "", ""),
        ("params", "params.yaml", "evaluations: 2", "evaluations: 1"),
        ("data", "data/prepared/multimnist/datasheet.json", "0.29", "0.28"),
        ("code", "src/samo/training/loop.py", '"""', '"""Edited. '),
    ):
        path = study / file
        path.write_text(path.read_text().replace(old, new, 1))
        stop_at(monkeypatch, 5)
        with pytest.raises(Stopped), warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            train_condition("multimnist", "ls")
        assert any(f"it is of other {what}; not used" in str(w.message) for w in said) == bool(what)


def test_what_was_kept_comes_back(tmp_path):
    value: dict[str, Any] = {"a": torch.arange(3), "b": [1.5, float("-inf"), None, ("x", 2)]}
    assert kept(tmp_path).write("one", lambda: value)
    found = kept(tmp_path).read("one")
    assert torch.equal(found["a"], value["a"])
    assert found["b"] == value["b"]
    assert kept(tmp_path).read("two") is None


def test_a_broken_or_foreign_file_is_one_warning_and_nothing_runs(tmp_path):
    path, harm = tmp_path / "one.pt", Harm(tmp_path / "harm")
    kept(tmp_path).write("one", lambda: {"a": torch.arange(1000)})
    good, flipped = path.read_bytes(), bytearray(path.read_bytes())
    flipped[len(good) // 2] ^= 1
    broken = [b"", b"\n", good[:-1], good[: len(good) // 2], bytes(flipped), b"\0" * 100, pickle.dumps(harm)]
    foreign: list[Any] = [3, {"state": 3}, {"made_from": 3, "state": 3}, {"made_from": {}, "state": 3}]
    for held in (*broken, *foreign, harm, {"made_from": {}, "state": harm}):
        path.write_bytes(held) if isinstance(held, bytes) else torch.save(held, path)
        with pytest.warns(UserWarning, match=r"one\.pt: .*; not used, this part starts anew") as said:
            assert kept(tmp_path).read("one") is None
        assert len(said) == 1
        assert "\n" not in str(said[0].message)
        assert not path.exists()
    assert not (tmp_path / "harm").exists()
    path.mkdir()
    with pytest.warns(UserWarning, match="not used"):
        assert kept(tmp_path).read("one") is None


def test_a_state_that_does_not_fit_starts_the_training_anew(study):
    train_condition("multimnist", "ls")
    whole = content(study, "ls")
    OpenCondition("multimnist", "ls")._trainings.kept.write("20-0", lambda: {"done": 1})
    with pytest.warns(UserWarning, match="20-0.*not used"):
        train_condition("multimnist", "ls")
    assert content(study, "ls") == whole


def test_a_full_disk_does_not_stop_a_training(tmp_path, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("samo.study.store.whole_file", full)
    ours = kept(tmp_path)
    with pytest.warns(UserWarning, match="No space left on device; training goes on without"):
        assert not ours.write("one", dict)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not ours.write("one", dict)


def test_writing_takes_its_small_share_of_the_time_only(tmp_path, monkeypatch):
    """A clock on which a write takes three seconds: the next one waits till those are a hundredth."""
    monkeypatch.delenv(checkpoint.SECONDS)
    now = [0.0]
    monkeypatch.setattr("samo.study.runs.checkpoint.time.monotonic", lambda: now[0])
    ours, wrote = kept(tmp_path), []

    def make():
        now[0] += 3
        return {}

    for second in range(0, 1000, 5):
        now[0] = max(now[0], second)
        if ours.write("one", make):
            wrote.append(second)
    assert wrote == [10, 310, 610, 910] or wrote == [10, 310, 615, 915]
