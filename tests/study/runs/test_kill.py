"""Killed with SIGKILL at random moments: the next call ends with the right bytes, and nothing is left over."""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import psutil
import pytest
import torch
from mlflow import MlflowClient

from samo.datasets.parts.sources import RawFile
from samo.study.data import fetch, prepare
from samo.study.grid import pipeline
from samo.study.runs import checkpoint
from samo.study.runs.condition import train_condition
from samo.study.tracking import mlflow_store
from tests.forks import forked, wait_for
from tests.study.made_study import ROOT
from tests.study.project import Project

pytestmark = pytest.mark.slow  # a dozen kills, and as many new starts
RAW = b"raw bytes " * 2_000_000
SCENES = """
  scenes:
    data: {train: 24, val: 12, test: 12, height: 32, width: 48, seed: 0}
    training: {network: segnet, widths: [4, 8], augment: false, batch: 8}
    updates: [3]
"""


def attempt(do: Callable[[], object], seconds: float) -> bool:
    """Do it in a fork, and kill that after so many seconds; says whether it had ended by itself, and well."""
    pid, end = forked(do), time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            assert status == 0, "it failed"
            return True
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return False


def digests(path: Path) -> dict[str, str] | None:
    """Of an output's files; None where it is not there."""
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files} if path.exists() else None


def kill_often(do: Callable[[], object], makes: list[Path], times: int, rng: random.Random) -> None:
    """Kill it so often, at random moments of its whole time, and see that it ends with the same bytes."""

    def undo() -> None:
        """Take the outputs away, as DVC does before it runs a stage."""
        for path in makes:
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    began = time.monotonic()
    assert attempt(do, 600)
    took, whole = time.monotonic() - began, [digests(path) for path in makes]
    assert None not in whole
    undo()
    killed = 0
    while killed < times:
        if attempt(do, rng.uniform(0, took)):
            assert [digests(path) for path in makes] == whole, "other bytes"
            undo()
            continue
        killed += 1
        for path, wanted in zip(makes, whole, strict=True):
            assert digests(path) in (None, wanted), "half an output"
    assert attempt(do, 600)
    assert [digests(path) for path in makes] == whole, "other bytes at the end"


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
def test_conditions_prepares_and_fetches(study, monkeypatch):
    # Before the forks: no attempt is to spend its time on these.
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401
    from sqlalchemy.orm import configure_mappers

    configure_mappers()
    torch.use_deterministic_algorithms(True, warn_only=True)

    monkeypatch.setenv(checkpoint.SECONDS, "0")
    monkeypatch.chdir(study)
    Project(study).edit("\nmethods:\n", f"{SCENES}\nmethods:\n")
    given, data, rng = study / "given", study / "data", random.Random(7)
    given.mkdir()
    (given / "file.bin").write_bytes(RAW)
    raw = RawFile("file.bin", hashlib.sha256(RAW).hexdigest(), len(RAW), ())
    made = [data / kind / "multimnist/ls" for kind in ("runs", "models")]
    kill_often(lambda: train_condition("multimnist", "ls"), made, 6, rng)
    kill_often(lambda: prepare.prepare("scenes"), [data / "prepared/scenes"], 3, rng)
    brought = data / "raw/made/file.bin"
    kill_often(lambda: fetch.fetch((raw,), brought.parent, given, lambda _: None), [brought], 3, rng)
    assert not list(study.rglob(".*.part"))
    assert not (study / ".samo/checkpoints/multimnist/ls").exists()

    client = MlflowClient(mlflow_store.uri(study))
    experiment = client.get_experiment_by_name("multimnist")
    runs = client.search_runs([experiment.experiment_id])
    assert {run.info.status for run in runs} == {"FINISHED", "KILLED"}
    current = [run for run in runs if run.data.tags.get("current") == "yes"]
    assert sorted(run.info.run_name for run in current) == ["ls/10/0", "ls/10/1", "ls/20/0", "ls/20/1"]
    for run in current:
        assert run.info.status == "FINISHED"
        history = client.get_metric_history(run.info.run_id, "test/left/accuracy")
        updates = int(run.data.tags["updates"])
        assert [entry.step for entry in history] == [updates // 2, updates]


def test_grids(project: Project) -> None:
    """Every second time with all that it started, as a machine that goes down."""
    rng = random.Random(11)

    def bring_up() -> None:
        assert pipeline.repro(project.root, 2, lambda _: 1.0, quiet=True) == 0

    for number in range(4):
        first = forked(bring_up)
        time.sleep(rng.uniform(0.5, 4))
        os.kill(first, signal.SIGKILL)
        for process in project.processes() if number % 2 else []:
            process.kill()
        os.waitpid(first, 0)
        # A worker is not seen among the project's processes before it stands in its clone.
        wait_for(lambda: not project.processes())
        if number % 2 == 0:
            wait_for(lambda: not project.clones())
    bring_up()
    assert not project.clones()
    assert not project.processes()
    assert not list(project.root.rglob(".*.part"))
    for n, name in enumerate("abc", 1):
        found = (project.root / f"data/runs/one/{name}").read_text()
        assert found == f"train-{name} {{'rho': {n}}} fetch-one {{}} code\n"
    assert "up to date" in project.dvc("status")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL, None])
def test_a_notebook_and_its_kernel_end_together(tmp_path, how):
    """Whether the notebook's process gets a signal, or (None) its kernel is killed, by the system short of memory."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "dvc.yaml").touch()
    sleeping = "import os, pathlib, time\npathlib.Path('pid').write_text(f'{os.getpid()} ')\ntime.sleep(300)"
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(sleeping)])
    made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(made, tmp_path / "notebooks/sleep.ipynb")
    command = [sys.executable, "-m", "samo.study", "run", "sleep", "--name", "sleep"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "DVC_ROOT": str(tmp_path)}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().endswith(" "):
        assert process.poll() is None
        time.sleep(0.02)
    kernel = psutil.Process(int((tmp_path / "pid").read_text()))
    process.send_signal(how) if how else kernel.kill()
    _, errors = process.communicate(timeout=60)
    kernel.wait(timeout=60)
    assert not list((tmp_path / "reports/executed").glob("*.html"))
    if how is None:
        assert process.returncode == 1
        line = errors.strip()
        assert "\n" not in line, errors
        assert line.startswith("samo: sleep.ipynb (sleep): its kernel was killed (out of memory, perhaps)")
        assert "goes on" in line
    elif how != signal.SIGKILL:
        assert process.returncode == 130
        assert errors.splitlines()[-1] == "stopped; a condition goes on from its last checkpoint"
