"""The flow of `samo repro` on a tiny real pipeline."""

import subprocess
import time

import pytest

from samo.study.errors import PipelineError
from samo.study.grid import pipeline
from tests.study.project import Project


def repro(project: Project, quiet: bool = False) -> int:
    return pipeline.repro(project.root, 2, lambda _: 1.0, quiet=quiet)


def test_all_runs_once_then_nothing(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    calls: list[str] = []

    def run() -> int:
        return pipeline.repro(project.root, 2, lambda _: 1.0, before=lambda: calls.append("before"))

    assert run() == 0
    said = capsys.readouterr().out
    assert project.ran() == ["fetch-one", "tables", "train-a", "train-b", "train-c"]
    assert "[5/5] tables" in said
    assert said.count("start train@one-a") == 1
    assert "up to date" in project.dvc("status")

    began = time.monotonic()
    assert run() == 0
    assert time.monotonic() - began < 5
    assert capsys.readouterr().out == "everything is up to date\n"
    assert project.ran() == []
    assert calls == ["before"]  # only where something runs


def test_the_table_follows_a_changed_cell(project: Project) -> None:
    repro(project, quiet=True)
    project.ran()
    project.edit("rho: 3", "rho: 30")
    assert repro(project, quiet=True) == 0
    assert project.ran() == ["tables", "train-c"]
    assert "{'rho': 30}" in (project.root / "table.txt").read_text()


def test_the_table_shows_the_gap_of_a_failed_cell(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert repro(project, quiet=True) == 0
    project.ran()
    project.edit("rho: 2", "fail: true")
    assert repro(project, quiet=True) == 1
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
    assert repro(project, quiet=True) == 1
    assert project.ran() == ["train-b"]

    project.edit("fail: true", "rho: 20")
    capsys.readouterr()
    assert repro(project, quiet=True) == 0
    assert capsys.readouterr().out == ""
    assert project.ran() == ["tables", "train-b"]
    assert "'rho': 20" in (project.root / "table.txt").read_text()
    assert "up to date" in project.dvc("status")


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


def test_analyses_and_report_are_made_of_the_cells_that_there_are(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    """A cell fails on one dataset; what the other needs cannot be prepared, so that none of its analyses can run."""
    pipeline_file = project.root / "dvc.yaml"
    pipeline_file.write_text(pipeline_file.read_text() + ANALYSE)
    project.edit("{one: {}}", "{one: {}, two: {}}")
    project.edit("rho: 2", "fail: true")
    assert repro(project, quiet=True) == 1
    said = capsys.readouterr().out
    assert "not run analyse@two: it needs a stage that failed" in said
    assert said.endswith("missing in tables and report: analyse@two, prepare@two, train@one-b, train@two-b\n")
    made = (project.root / "report.txt").read_text().splitlines()
    assert made[:2] == ["a", "c"]
    assert [line.split()[0] for line in made[2:]] == ["train-a", "train-c"] * 2


def test_the_cells_alone(project: Project) -> None:
    assert pipeline.repro(project.root, 2, lambda _: 1.0, quiet=True, rest=False) == 0
    assert project.ran() == ["fetch-one", "train-a", "train-b", "train-c"]
    assert pipeline.repro(project.root, 2, lambda _: 1.0, quiet=True) == 0
    assert project.ran() == ["tables"]


def test_a_broken_pipeline_is_one_line(project: Project) -> None:
    (project.root / "dvc.yaml").write_text("stages:\n  a: {cmd: 1, nonsense: 2}\n")
    with pytest.raises(PipelineError) as told:
        repro(project)
    assert "\n" not in str(told.value)


def test_another_dvc_at_work_is_one_line(project: Project) -> None:
    (project.root / "dvc.yaml").write_text("stages:\n  slow:\n    cmd: sleep 30\n    outs: [slow.txt]\n")
    other = subprocess.Popen(["dvc", "repro", "-q"], cwd=project.root)
    try:
        project.wait_for(lambda: (project.root / ".dvc/tmp/rwlock").exists())
        with pytest.raises(PipelineError, match=r"^another dvc is at work in this folder: wait for it, or end it$"):
            repro(project)
    finally:
        for process in project.processes():
            process.kill()
        other.wait()
