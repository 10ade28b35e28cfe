"""git's id of a folder, and a commit that travels: what a worker gets, and which clones are refused."""

import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from samo.study import git
from samo.study.errors import PipelineError
from samo.study.grid import exchange, pipeline
from samo.study.grid.cluster import Cluster, RayPool
from tests.study.project import Project


@pytest.fixture
def packed(project: Project) -> tuple[str, bytes]:
    project.commit()
    return git.pack(project.root)


def test_the_id_of_a_folder_is_that_of_git_committed_or_not(project: Project, tmp_path: Path) -> None:
    folder = project.root / "part"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner/run.sh").write_text("echo\n")
    (folder / "inner/run.sh").chmod(0o755)
    (folder / "é a.txt").write_bytes(b"\r\n")
    before = git.tree(folder)
    state = sorted((project.root / ".git").rglob("*"))
    assert git.tree(folder) == before
    assert sorted((project.root / ".git").rglob("*")) == state  # nothing was written there
    project.commit()
    told = ["git", "-C", str(project.root), "rev-parse", "HEAD:part"]
    assert before == subprocess.run(told, capture_output=True, text=True, check=True).stdout.strip()
    (folder / "inner/__pycache__").mkdir()
    (folder / "inner/__pycache__/run.pyc").write_bytes(b"compiled")
    assert git.tree(folder) == before
    (folder / "inner/run.sh").write_text("echo 1\n")
    assert git.tree(folder) != before
    assert git.tree(tmp_path / "nowhere") == "missing"


def test_a_clone_is_the_commit_or_refused(project: Project, packed: tuple[str, bytes], tmp_path: Path) -> None:
    (project.root / "code.txt").write_text("later\n")
    clone = tmp_path / "node" / "clone"
    git.unpack(*packed, clone)
    assert (clone / "code.txt").read_text() == "code\n"
    assert [path.name for path in clone.parent.iterdir()] == ["clone"]
    (clone / "data").mkdir()  # which git ignores
    for file in ("data/result", "dvc.lock"):  # results and DVC's notes are no changes
        (clone / file).write_text("result")
    git.check(clone, packed[0])
    for file in ("code.txt", "deep/new file.txt"):
        (clone / file).parent.mkdir(exist_ok=True)
        (clone / file).write_text("changed")
    with pytest.raises(git.GitError, match=r"changes of its own: code\.txt, deep/new file\.txt$"):
        git.check(clone, packed[0])
    project.commit()
    later, bundle = git.pack(project.root)
    git.unpack(later, bundle, tmp_path / "later")
    with pytest.raises(git.GitError, match=f"at commit {later[:10]}, not at {packed[0][:10]}"):
        git.check(tmp_path / "later", packed[0])


def test_what_is_not_committed_does_not_run_elsewhere(project: Project, packed: tuple[str, bytes]) -> None:
    project.dvc("remote", "add", "shared", "/nowhere")
    project.commit()
    where = Cluster("127.0.0.1:1", "shared")
    pipeline.check_cluster(project.root, where)
    (project.root / "code.txt").write_text("changed\n")
    (project.root / "table.txt").write_text("a stage's result\n")
    with pytest.raises(PipelineError, match=r"^a cluster runs what is committed, .* not: code\.txt: commit first$"):
        pipeline.repro(project.root, 2, lambda _: 1.0, cluster=where)
    assert project.ran() == []


def test_a_remote_or_cluster_that_does_not_serve_is_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.dvc("remote", "add", "web", "https://example.org/results")
    with pytest.raises(PipelineError, match=r"no DVC remote 'shared' \(there are: web\)"):
        exchange.settings(project.root, "shared")
    with pytest.raises(PipelineError, match="is of HTTP"):
        exchange.settings(project.root, "web")
    project.dvc("remote", "add", "shared", "elsewhere")
    with pytest.raises(PipelineError, match=r"no Ray cluster answers at 127\.0\.0\.1:1: .*refused"):
        RayPool(project.root, Cluster("127.0.0.1:1", "shared"), 1, Mock())
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(PipelineError, match="Ray is missing: pip install"):
        RayPool(project.root, Cluster("auto", "shared"), 1, Mock())
