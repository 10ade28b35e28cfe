"""Killed with SIGKILL at random moments: the next call ends with the right bytes, and nothing is left over."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from mlflow import MlflowClient

from samo.study.grid import pipeline
from samo.study.runs import checkpoint
from samo.study.tracking import mlflow_store
from tests.forks import forked
from tests.study.project import Project
from tests.study.runs import kill_often

pytestmark = pytest.mark.slow  # a dozen kills, and as many new starts
ROOT = Path(__file__).parents[3]
SCENES = """
  scenes:
    data: {train: 24, val: 12, test: 12, height: 32, width: 48, seed: 0}
    training: {network: segnet, widths: [4, 8], augment: false, batch: 8}
    updates: [3]
"""


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
def test_conditions_prepares_and_fetches(study, monkeypatch, capfd):
    monkeypatch.setenv(checkpoint.SECONDS, "0")
    monkeypatch.chdir(study)
    params = study / "params.yaml"
    params.write_text(params.read_text().replace("\nmethods:\n", f"{SCENES}\nmethods:\n", 1))
    kill_often.main(study, conditions=6, prepares=3, fetches=3)
    assert [line.split(",")[0] for line in capfd.readouterr().out.splitlines() if " kills, " in line] == [
        "condition: 6 kills",
        "prepare: 3 kills",
        "fetch: 3 kills",
    ]
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
        project.wait_for(lambda: not project.processes())
        if number % 2 == 0:
            project.wait_for(lambda: not project.clones())
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
