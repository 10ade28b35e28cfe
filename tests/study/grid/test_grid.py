"""`samo repro` on a tiny real pipeline: git, DVC, worker processes and clones."""

import json
import os
import re
import shutil
import signal
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pexpect
import pytest

from samo.study.errors import PipelineError
from samo.study.grid import pipeline
from samo.study.grid.plan import opened, plan
from tests.forks import wait_for
from tests.study.project import Project

CONDITIONS = ["train@one-a", "train@one-b", "train@one-c"]
ALL = ["fetch-one", "train-a", "train-b", "train-c"]


def repro(project: Project, rest: bool = True, quiet: bool = True, workers: int = 1, **more: Any) -> int:
    return pipeline.repro(project.root, workers, lambda _: 1.0, quiet, rest=rest, **more)


def test_all_runs_once_then_nothing_and_dvc_agrees(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    left = project.root / ".samo/workers/0"  # of a worker that was killed
    (left / ".dvc/tmp").mkdir(parents=True)
    (left / "dvc.yaml").write_text("not a pipeline")
    for variable in ("MLFLOW_TRACKING_URI", "SAMO_CHECKPOINTS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("DVC_ROOT", "/nowhere")
    project.edit("rho: 1", "meets: b")
    project.edit("rho: 2", "meets: a")
    calls: list[str] = []
    tell = partial(calls.append, "before")
    assert repro(project, rest=False, quiet=False, workers=2, before=tell) == 0
    assert capsys.readouterr().out.count("start train@one-a") == 1
    assert not project.clones()
    assert (project.root / "data/runs/one/b").read_text() == "train-b {'meets': 'a'} fetch-one {} code\n"
    # Two run at once in clones of their own, with the project's MLflow and checkpoints.
    where = {name: folder for name, folder, *_ in map(str.split, project.lines())}
    assert {where["train-a"], where["train-b"]} == {str(project.root / ".samo/workers" / n) for n in "01"}
    assert where["fetch-one"] == str(project.root)
    own = f"sqlite:///{project.root}/mlflow.db", f"{project.root}/.samo/checkpoints"
    assert {tuple(line.split()[2:]) for line in project.lines()} == {own}
    progress = project.root / ".samo/progress/train@one-a.jsonl"
    assert json.loads(progress.read_text()) == {"update": 1, "updates": 2, "done": 0.5, "loss": 0.25}
    assert project.ran() == ALL
    monkeypatch.delenv("DVC_ROOT")
    assert project.dvc("repro", *CONDITIONS).count("didn't change") == len(ALL)
    assert repro(project, quiet=False, before=tell) == 0
    assert "[1/1] tables" in capsys.readouterr().out
    assert project.ran() == ["tables"]
    assert repro(project, quiet=False, before=tell) == 0
    assert capsys.readouterr().out == "everything is up to date\n"
    assert (project.ran(), calls) == ([], ["before"] * 2)  # only where something runs
    assert "up to date" in project.dvc("status")

    # In a project that knows nothing of it, all comes out of the run-cache.
    (project.root / "dvc.lock").unlink()
    shutil.rmtree(project.root / "data")
    assert project.dvc("repro", *CONDITIONS).count("is cached - skipping run") == len(ALL)
    assert project.ran() == []


def test_uncommitted_changes_are_seen(project: Project) -> None:
    repro(project)
    project.ran()
    # Parameters: only the conditions that they are for, and what follows.
    project.edit("rho: 3", "rho: 30")
    project.edit("  a: {rho: 1}\n", "  d: {rho: 4}\n")
    assert repro(project) == 0
    assert project.ran() == ["tables", "train-c", "train-d"]
    assert "{'rho': 30}" in (project.root / "table.txt").read_text()
    with pytest.raises(PipelineError, match=r"^no such stage in dvc\.yaml: train@one-a$"):
        plan(project.root, CONDITIONS)
    # Files: changed, new and deleted ones.
    (project.root / "code.txt").unlink()
    (project.root / "code.txt").symlink_to("new.txt")
    (project.root / "new.txt").write_text("new code\n")
    assert repro(project) == 0
    assert project.ran() == ["fetch-one", "tables", "train-b", "train-c", "train-d"]
    assert (project.root / "data/runs/one/b").read_text() == "train-b {'rho': 2} fetch-one {} new code\n"


def test_params_are_parsed_once_not_once_a_stage(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from dvc.utils.serialize import _yaml

    parse = Mock(wraps=_yaml.parse_yaml)
    monkeypatch.setattr(_yaml, "parse_yaml", parse)
    assert len(plan(project.root).stale) == 5
    parsed = [Path(call.args[1]).name for call in parse.call_args_list]
    assert 0 < parsed.count("params.yaml") < len(CONDITIONS)


def test_the_table_shows_the_gap_of_a_failed_condition(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert repro(project) == 0
    project.ran()
    project.edit("rho: 2", "fail: true")
    assert repro(project) == 1
    assert project.ran() == ["tables", "train-b"]
    said = capsys.readouterr().out
    assert said.startswith("FAILED train@one-b: ")
    assert "  | this condition was told to fail" in said
    assert f"{project.root}/.samo/logs/train@one-b.log" in said
    assert said.endswith("missing in tables and report: train@one-b\n")
    # What an earlier run left of it is of other settings: it is in no table.
    assert not (project.root / "data/runs/one/b").exists()
    assert [line.split()[0] for line in (project.root / "table.txt").read_text().splitlines()] == ["train-a", "train-c"]

    # It is tried again; the table stands.
    assert repro(project) == 1
    assert project.ran() == ["train-b"]

    project.edit("fail: true", "rho: 20")
    capsys.readouterr()
    assert repro(project) == 0
    assert capsys.readouterr().out == ""
    assert project.ran() == ["tables", "train-b"]
    assert "'rho': 20" in (project.root / "table.txt").read_text()


ANALYSE = """
  prepare:
    matrix: {dataset: "${datasets}"}
    cmd: test ${item.dataset} != two && mkdir -p data/prepared && echo p > data/prepared/${item.dataset}
    outs: ["data/prepared/${item.dataset}"]
  analyse:
    matrix: {dataset: "${datasets}"}
    cmd: mkdir -p data/analysis && ls data/runs/${item.dataset} > data/analysis/${item.dataset}
    deps: ["data/runs/${item.dataset}", "data/prepared/${item.dataset}"]
    outs: ["data/analysis/${item.dataset}"]
  report:
    cmd: cat data/analysis/* table.txt > report.txt
    deps: [data/analysis, table.txt]
    outs: [report.txt]
"""


def test_analyses_and_report_are_made_of_what_there_is(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """One fails on one dataset; what the other needs cannot be prepared, so that none of its analyses can run."""
    pipeline_file = project.root / "dvc.yaml"
    pipeline_file.write_text(pipeline_file.read_text() + ANALYSE)
    project.edit("{one: {}}", "{one: {}, two: {}}")
    project.edit("rho: 2", "fail: true")
    assert repro(project) == 1
    said = capsys.readouterr().out
    assert "not run analyse@two: it needs prepare@two" in said
    assert said.endswith("missing in tables and report: analyse@two, prepare@two, train@one-b, train@two-b\n")
    made = (project.root / "report.txt").read_text().splitlines()
    assert made[:2] == ["a", "c"]
    assert [line.split()[0] for line in made[2:]] == ["train-a", "train-c"] * 2


def test_a_worker_that_dies_fails_its_stage_alone(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    condition = project.root / "condition.py"
    condition.write_text(
        "import psutil, sys\n"
        "if sys.argv[1] == 'train-b':\n"
        "    [p for p in psutil.Process().parents() if 'samo.study.grid.worker' in p.cmdline()][0].kill()\n"
        + condition.read_text()
    )
    assert repro(project, rest=False) == 1
    assert "FAILED train@one-b: its worker was ended (signal SIGKILL" in (said := capsys.readouterr().out)
    assert said.endswith("missing in tables and report: train@one-b\n")


@pytest.mark.slow  # two whole runs, the first in a process of its own
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])  # SIGINT comes from the terminal, below
def test_a_killed_grid_leaves_nothing_and_goes_on(project: Project, how: signal.Signals) -> None:
    project.edit("rho: 2", "seconds: 60")
    first = project.start()
    wait_for(lambda: (project.root / ".samo/progress/train@one-b.jsonl").exists())
    first.send_signal(how)
    said, _ = first.communicate(timeout=30)
    # Two seconds on an idle machine; beside other tests it may be many more.
    wait_for(lambda: not project.processes() and not project.clones(), seconds=30)
    assert ("goes on from there" in said) == (how != signal.SIGKILL)
    assert first.returncode == (-signal.SIGKILL if how == signal.SIGKILL else 130)
    assert "fetch-one" in project.ran()
    project.edit("seconds: 60", "rho: 2")
    assert repro(project) == 0
    assert "fetch-one" not in project.ran()


def in_terminal(command: list[str]) -> Any:
    """A process in a pseudo-terminal of 100 columns."""
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    return pexpect.spawn(command[0], command[1:], timeout=300, dimensions=(30, 100), encoding="utf-8", env=environment)


ESCAPE = re.compile(r"\x1b\[[?\d;]*[A-Za-z]")  # colours and movements
FRAME = r"all stages [^\n]*1 done, 2 running, 1 waiting[^\n]*(\n[^\n]*train@one-[ab] [^\n]*loss 0\.250[^\n]*){2}"


def test_two_bars_at_once_and_ctrl_c_says_how_to_go_on(project: Project) -> None:
    project.edit("rho: 1", "seconds: 60")
    project.edit("rho: 2", "seconds: 60")
    project.edit("  c: {rho: 3}\n", "")
    terminal = in_terminal(project.command())
    terminal.expect(FRAME)
    assert "done fetch@one  " in terminal.before
    terminal.sendintr()  # a Ctrl-C
    said = terminal.read()
    assert terminal.wait() == 130
    last = ESCAPE.sub("", said).splitlines()[-1]
    assert last == "stopped; what is done is kept, and the same command (`make repro`) goes on from there"
    assert said.rindex("\x1b[?25h") > said.rfind("\x1b[?25l")  # the cursor is there again
    assert not project.processes()
    assert not project.clones()

    project.ran()
    project.edit("seconds: 60", "rho: 4")
    quiet = in_terminal(project.command(quiet=True))
    assert (ESCAPE.sub("", quiet.read()).strip(), quiet.wait()) == ("", 0)
    assert project.ran() == ["tables", "train-a", "train-b"]  # what was done before is not done again


def test_faults_of_the_pipeline_are_one_line(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    told = r"^another dvc is at work in this folder: wait for it, or end it$"
    with opened(project.root), pytest.raises(PipelineError, match=told):
        plan(project.root)
    (project.root / ".git").rename(project.root.parent / "git")
    project.dvc("config", "core.no_scm", "true")
    assert repro(project, rest=False) == 1
    assert "FAILED train@one-a: no clone for a worker: git clone failed in" in capsys.readouterr().out
    (project.root / "dvc.yaml").write_text("stages:\n  a: {cmd: 1, nonsense: 2}\n")
    with pytest.raises(PipelineError) as fault:
        repro(project)
    assert "\n" not in str(fault.value)
