"""The grid on a tiny real pipeline: git, DVC, worker processes and clones."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from samo.study import locks
from samo.study.errors import PipelineError
from samo.study.grid import pipeline
from samo.study.grid.adopt import adopt, withdraw
from samo.study.grid.display import Display
from samo.study.grid.plan import plan
from samo.study.grid.schedule import Failure, Weight
from tests.study.project import Project

CELLS = ["train@one-a", "train@one-b", "train@one-c"]
ALL = ["fetch-one", "train-a", "train-b", "train-c"]


def run(project: Project, *stages: str, workers: int = 2, weight: Weight = lambda _: 1.0) -> list[Failure]:
    """Some stages and what they need, taken into the project."""
    with Path(os.devnull).open("w") as nowhere, locks.only_one(project.root):
        work = plan(project.root, stages or CELLS)
        shown = Display(nowhere)
        shown.begin(dict.fromkeys(work.stale, 1.0))
        outcome = pipeline.run(project.root, work, workers, weight, shown)
        adopt(project.root, outcome.made)
        return outcome.failures


def start(project: Project) -> subprocess.Popen[str]:
    """A grid in a process of its own, as a person starts it."""
    code = (
        "import sys; from pathlib import Path; from samo.study.grid import pipeline;"
        "sys.exit(pipeline.repro(Path(sys.argv[1]), 2, lambda _: 1.0))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, str(project.root)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_each_stage_runs_once_and_repro_runs_nothing(project: Project) -> None:
    assert run(project) == []
    assert project.ran() == ALL
    assert not project.clones()
    assert (project.root / "data/runs/one/b").read_text() == "train-b {'rho': 2} fetch-one {} code\n"
    assert project.dvc("repro", *CELLS).count("didn't change") == len(ALL)
    assert run(project) == []  # nor does another grid
    assert project.ran() == []

    # In a project that knows nothing of it, all comes out of the run-cache.
    (project.root / "dvc.lock").unlink()
    shutil.rmtree(project.root / "data")
    assert project.dvc("repro", *CELLS).count("is cached - skipping run") == len(ALL)
    assert project.ran() == []


def test_uncommitted_changes_are_seen(project: Project) -> None:
    run(project)
    project.ran()
    # Parameters: only the cells that they are for.
    project.edit("rho: 3", "rho: 30")
    project.edit("  a: {rho: 1}\n", "  d: {rho: 4}\n")
    assert run(project, "train@one-b", "train@one-c", "train@one-d") == []
    assert project.ran() == ["train-c", "train-d"]
    # Files: changed, new and deleted ones.
    (project.root / "code.txt").unlink()
    (project.root / "code.txt").symlink_to("new.txt")
    (project.root / "new.txt").write_text("new code\n")
    assert run(project, "train@one-b") == []
    assert project.ran() == ["fetch-one", "train-b"]
    assert (project.root / "data/runs/one/b").read_text() == "train-b {'rho': 2} fetch-one {} new code\n"


def test_params_are_parsed_once_not_once_a_stage(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from dvc.utils.serialize import _yaml

    run(project)
    parsed: list[str] = []
    parse = _yaml.parse_yaml

    def counted(text: str, path: str, **more: object) -> object:
        parsed.append(path)
        return parse(text, path, **more)

    monkeypatch.setattr(_yaml, "parse_yaml", counted)
    project.edit("trace:", "more: {}\ntrace:")
    assert not plan(project.root, CELLS).stale
    names = [Path(path).name for path in parsed]
    assert "params.yaml" in names
    assert names.count("params.yaml") < len(CELLS)


def test_inputs_come_from_the_cache(project: Project) -> None:
    run(project, "fetch@one")
    assert run(project) == []
    assert project.ran() == ALL


def test_a_removed_cell_is_unknown(project: Project) -> None:
    project.edit("  a: {rho: 1}\n", "")
    with pytest.raises(PipelineError, match="train@one-a"):
        run(project)
    assert run(project, *CELLS[1:]) == []
    assert project.ran() == ["fetch-one", "train-b", "train-c"]


def test_two_run_at_once_each_in_its_clone(project: Project) -> None:
    project.edit("rho: 1", "meets: b")
    project.edit("rho: 2", "meets: a")
    assert run(project, "train@one-a", "train@one-b") == []
    folders = {line.split()[3] for line in project.lines() if line.startswith("train")}
    assert folders == {str(project.root / ".samo/workers" / n) for n in "01"}


def test_a_failure_stops_only_what_depends_on_it(project: Project) -> None:
    project.edit("rho: 2", "fail: true")
    failures = run(project, *CELLS, "tables")
    assert {failure.stage for failure in failures} == {"train@one-b", "tables"}
    (failed,) = [failure for failure in failures if failure.log]
    assert failed.stage == "train@one-b"
    assert failed.log is not None
    assert "told to fail" in failed.log.read_text()
    assert project.ran() == ALL
    # The others are kept: only the mended cell runs again.
    project.edit("fail: true", "rho: 2")
    assert run(project) == []
    assert project.ran() == ["train-b"]


def test_the_environment_of_a_stage(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DVC_ROOT", "/nowhere")
    run(project, "train@one-a")
    assert {line.split()[4] for line in project.lines()} == {f"sqlite:///{project.root}/mlflow.db"}
    progress = project.root / ".samo" / "progress" / "train@one-a.jsonl"
    assert json.loads(progress.read_text()) == {"update": 1, "updates": 2, "done": 0.5, "loss": 0.25}


def test_the_longest_goes_first(project: Project) -> None:
    weight = {"train@one-a": 1.0, "train@one-b": 3.0, "train@one-c": 2.0, "fetch@one": 1.0}
    run(project, workers=1, weight=weight.__getitem__)
    assert [line.split()[0] for line in project.lines()] == ["fetch-one", "train-b", "train-c", "train-a"]


def test_a_worker_that_dies_fails_its_stage_alone(project: Project) -> None:
    cell = project.root / "cell.py"
    cell.write_text(
        "import psutil, sys\n"
        "if sys.argv[1] == 'train-b':\n"
        "    [p for p in psutil.Process().parents() if 'samo.study.grid.worker' in p.cmdline()][0].kill()\n"
        + cell.read_text()
    )
    failures = run(project)
    assert [failure.stage for failure in failures] == ["train@one-b"]
    assert "SIGKILL" in failures[0].reason


@pytest.mark.slow  # two whole runs, each in a process of its own
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_killed_grid_leaves_nothing_and_goes_on(project: Project, how: signal.Signals) -> None:
    project.edit("rho: 2", "seconds: 60")
    first = start(project)
    project.wait_for(lambda: (project.root / ".samo/progress/train@one-b.jsonl").exists())
    first.send_signal(how)
    _, errors = first.communicate(timeout=30)
    # Two seconds on an idle machine; beside other tests it may be many more.
    project.wait_for(lambda: not project.processes() and not project.clones(), seconds=30)
    assert ("goes on from there" in errors) == (how != signal.SIGKILL)
    assert first.returncode == (-signal.SIGKILL if how == signal.SIGKILL else 130)

    assert "fetch-one" in project.ran()
    project.edit("seconds: 60", "rho: 2")
    second = start(project)
    second.communicate(timeout=120)
    assert second.returncode == 0
    assert "fetch-one" not in project.ran()


def test_what_a_killed_worker_left_is_no_obstacle(project: Project) -> None:
    left = project.root / ".samo" / "workers" / "0"
    (left / ".dvc" / "tmp").mkdir(parents=True)
    (left / "dvc.yaml").write_text("not a pipeline")
    assert run(project) == []
    assert not project.clones()


def test_two_grids_at_once_are_refused(project: Project) -> None:
    with locks.only_one(project.root), pytest.raises(PipelineError, match=f"process {os.getpid()}"):
        run(project)
    assert project.ran() == []


def test_without_git_it_says_so(project: Project, tmp_path: Path) -> None:
    (project.root / ".git").rename(tmp_path / "git")
    project.dvc("config", "core.no_scm", "true")
    failures = run(project, "fetch@one")
    assert "git clone failed" in failures[0].reason


def test_what_failed_is_withdrawn_and_what_is_up_to_date_stays(project: Project) -> None:
    assert run(project) == []
    withdraw(project.root, {"train@one-b"})
    assert sorted(path.name for path in (project.root / "data/runs/one").iterdir()) == ["a", "c"]
    project.ran()
    assert run(project) == []  # out of the run-cache
    assert project.ran() == []
