"""A condition that several processes train together: the numbers of one, and none left over however it ends."""

import contextlib
import json
import os
import signal
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from safetensors.torch import load_file
from torch.multiprocessing.spawn import ProcessContext, start_processes

from samo.study import paths, processes
from samo.study.errors import RankError
from samo.study.progress import VARIABLE
from samo.study.runs import checkpoint
from samo.study.runs.condition import train_condition
from samo.training.loop import DivergedError
from tests.forks import START, ended, forked, wait_for
from tests.study.made_study import content
from tests.study.project import Project

pytestmark = pytest.mark.slow  # two processes import torch and MLflow anew


def over_two(study: Path) -> None:
    """Train over two processes from now on."""
    Project(study).edit("\n  threads: 1", "\n  threads: 1\n  processes: 2")


def ranks() -> list[psutil.Process]:
    """All there are on this machine, of this study, whoever their parent is now."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            here = process.environ().get("DVC_ROOT") == os.environ["DVC_ROOT"]
            if here and "multiprocessing.spawn" in " ".join(process.cmdline()):
                found.append(process)
    return found


@pytest.fixture(autouse=True)
def none_left(study: Path) -> Iterator[None]:
    yield
    assert not ranks()
    own = psutil.Process()
    assert not [child for child in own.children() if child.cmdline() == own.cmdline()]  # a forked one


def begin_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forked, they import nothing; they log nothing, since they must not share this process's database."""
    monkeypatch.setattr("samo.study.runs.ranks.start_processes", partial(start_processes, start_method=START))
    monkeypatch.setenv(paths.TRACKING, "off")


def test_two_processes_make_what_one_makes_and_the_same_bytes_however_they_are_stopped(study, tmp_path, monkeypatch):
    """Search, finals and files. Sums of half batches are rounded otherwise, and training lets that grow: what follows
    from whole networks is compared as far as that goes, values of a few examples by how many they could be.

    That the gradients of the two are one process's is shown in float64 by tests/training/test_loop_ranks.py.
    """
    models = study / "data/models/multimnist/samo-ls"
    one, files = train_condition("multimnist", "samo-ls"), content(study, "samo-ls")
    weights = {seed: load_file(models / f"20-{seed}.safetensors") for seed in (0, 1)}
    over_two(study)
    with monkeypatch.context() as patch:
        begin_at_once(patch)
        two = train_condition("multimnist", "samo-ls")
    whole = content(study, "samo-ls")
    assert list(whole) == list(files)
    assert len(two.at()["search"]["trials"]) == 3
    assert list(two.at()["seeds"]) == list(one.at()["seeds"]) == ["0", "1"]
    assert two.metrics | {"updates": 0} == one.metrics | {"updates": 0}
    assert [{**row, "value": 0} for row in two.history] == [{**row, "value": 0} for row in one.history]
    losses, expected = ([row["value"] for row in run.history if row["metric"] == "loss"] for run in (two, one))
    assert losses == pytest.approx(expected, rel=1e-2)
    metrics = study / "data/runs/multimnist/samo-ls/metrics.json"
    assert json.loads(metrics.read_text()) == two.metrics
    for seed, own in weights.items():
        torch.testing.assert_close(load_file(models / f"20-{seed}.safetensors"), own, rtol=0, atol=1e-2)

    metrics.unlink()
    monkeypatch.setenv(checkpoint.SECONDS, "0")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "progress"))
    own = tmp_path / "temporary"
    own.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(own))
    # The first start is the one that users have; SIGTERM does what SIGINT does.
    for phase, how in (("search 2/3", signal.SIGKILL), ("seed 0", signal.SIGINT)):
        (tmp_path / "progress").write_text("")
        with monkeypatch.context() as patch:
            if how == signal.SIGINT:
                begin_at_once(patch)
            parent = forked(lambda: train_condition("multimnist", "samo-ls"))
        wait_for(lambda phase=phase: phase in (tmp_path / "progress").read_text(), 300)
        there = ranks() or psutil.Process(parent).children()
        assert len(there) == 2
        listening = [c.laddr.ip for rank in there for c in rank.net_connections() if c.status == psutil.CONN_LISTEN]
        assert set(listening) == {"127.0.0.1"}
        os.kill(parent, how)
        assert ended(parent) == (-signal.SIGKILL if how == signal.SIGKILL else 1)
        wait_for(lambda there=there: not any(map(processes._runs, there)) and not ranks(), 300)
        assert not list(own.rglob("samo-ranks-*"))
        assert not metrics.exists()
        assert list((study / ".samo/checkpoints/multimnist/samo-ls").glob("*.pt"))
    with monkeypatch.context() as patch:
        begin_at_once(patch)
        train_condition("multimnist", "samo-ls")
    assert content(study, "samo-ls") == whole
    events = [json.loads(line) for line in (tmp_path / "progress").read_text().splitlines()]
    assert [event["done"] for event in events][-1] > 0.95
    assert not (study / ".samo/checkpoints/multimnist/samo-ls").exists()


def test_a_loss_that_breaks_ends_all_with_the_words_of_one_process(study, monkeypatch):
    begin_at_once(monkeypatch)
    Project(study).edit("ls: {aggregator: ls}", "ls: {aggregator: ls, lr: 1.0e+30}")
    with pytest.raises(DivergedError) as alone:
        train_condition("multimnist", "ls")
    over_two(study)
    with pytest.raises(DivergedError) as together:
        train_condition("multimnist", "ls")
    assert str(together.value) == str(alone.value)


def test_one_that_is_killed_or_fails_ends_the_others_and_is_named(study, tmp_path, monkeypatch):
    begin_at_once(monkeypatch)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "progress"))
    over_two(study)
    Project(study).edit("updates: [10, 20]", "updates: [20000]")
    Project(study).edit("  updates: [20]", "  updates: null")
    join = ProcessContext.join

    def kill_and_join(ranks: Any, **more: Any) -> bool:
        wait_for(lambda: (tmp_path / "progress").exists() and "seed 0" in (tmp_path / "progress").read_text(), 300)
        ranks.processes[1].kill()
        return bool(join(ranks, **more))

    with monkeypatch.context() as patch:
        patch.setattr(ProcessContext, "join", kill_and_join)
        with pytest.raises(RankError, match=r"^process 1 of 2 was ended by SIGKILL, out of memory\?$"):
            train_condition("multimnist", "ls")
    assert not ranks()

    def too_late(*args: Any, **more: Any) -> Any:
        """This process has opened the data; they are gone when the others do."""
        (study / "data/prepared/multimnist/train_labels.npy").unlink()
        return start_processes(*args, **more | {"start_method": START})

    monkeypatch.setattr("samo.study.runs.ranks.start_processes", too_late)
    with pytest.raises(RankError, match=r"^process [01] of 2 failed: \w+Error: .*train_labels\.npy") as told:
        train_condition("multimnist", "ls")
    assert "\n" not in str(told.value)
