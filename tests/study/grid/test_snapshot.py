"""A commit that travels: what a worker gets, and which clones are refused."""

import sys
from pathlib import Path

import pytest

from samo.study import grid
from samo.study.grid import pipeline, remote, snapshot
from samo.study.grid.cluster import RayPool
from tests.study.grid import cluster
from tests.study.project import Project


@pytest.fixture
def packed(project: Project) -> tuple[str, bytes]:
    cluster.commit(project)
    return snapshot.pack(project.root)


def test_the_clone_is_the_commit(project: Project, packed: tuple[str, bytes], tmp_path: Path) -> None:
    (project.root / "code.txt").write_text("later\n")
    snapshot.unpack(*packed, tmp_path / "node" / "clone")
    assert (tmp_path / "node/clone/code.txt").read_text() == "code\n"
    assert [path.name for path in (tmp_path / "node").iterdir()] == ["clone"]
    snapshot.verify(tmp_path / "node/clone", packed[0])


@pytest.mark.parametrize("file", ["code.txt", "deep/new file.txt"])
def test_a_changed_clone_is_refused(packed: tuple[str, bytes], tmp_path: Path, file: str) -> None:
    clone = tmp_path / "clone"
    snapshot.unpack(*packed, clone)
    (clone / file).parent.mkdir(exist_ok=True)
    (clone / file).write_text("changed")
    with pytest.raises(RuntimeError, match=f"changes of its own: {file}$"):
        snapshot.verify(clone, packed[0])


def test_results_and_notes_are_no_changes(packed: tuple[str, bytes], tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    snapshot.unpack(*packed, clone)
    (clone / "data").mkdir()  # which git ignores
    for file in ("data/result", "dvc.lock"):
        (clone / file).write_text("result")
    snapshot.verify(clone, packed[0])


def test_a_clone_at_another_commit_is_refused(project: Project, packed: tuple[str, bytes], tmp_path: Path) -> None:
    cluster.commit(project)
    later, bundle = snapshot.pack(project.root)
    snapshot.unpack(later, bundle, tmp_path / "clone")
    with pytest.raises(RuntimeError, match=f"at commit {later[:10]}, not at {packed[0][:10]}"):
        snapshot.verify(tmp_path / "clone", packed[0])


def test_what_is_not_committed_does_not_run_elsewhere(
    project: Project, packed: tuple[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    project.dvc("remote", "add", "shared", "/nowhere")
    cluster.commit(project)
    remote.check_committed(project.root)
    (project.root / "code.txt").write_text("changed\n")
    (project.root / "table.txt").write_text("a stage's result\n")
    assert pipeline.repro(project.root, 2, lambda _: 1.0, cluster=grid.Cluster("127.0.0.1:1", "shared")) == 1
    assert capsys.readouterr().err == ("a cluster runs what is committed, and this is not: code.txt: commit first\n")
    assert project.ran() == []


def test_a_remote_that_does_not_serve_is_named(project: Project) -> None:
    project.dvc("remote", "add", "web", "https://example.org/results")
    with pytest.raises(grid.PipelineError, match=r"no DVC remote 'shared' \(there are: web\)"):
        remote.settings(project.root, "shared")
    with pytest.raises(grid.PipelineError, match="is of HTTP"):
        remote.settings(project.root, "web")


def test_without_ray_it_says_what_to_install(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(grid.PipelineError, match="Ray is missing: pip install"):
        RayPool(project.root, grid.Cluster("auto", "shared"), {}, 1, print)


def test_a_cluster_that_is_not_there_is_said_at_once(project: Project) -> None:
    with pytest.raises(grid.PipelineError, match=r"no Ray cluster answers at 127\.0\.0\.1:1: .*refused"):
        RayPool(project.root, grid.Cluster("127.0.0.1:1", "shared"), {}, 1, print)
