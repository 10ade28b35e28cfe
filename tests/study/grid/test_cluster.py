"""The grid on a real Ray cluster: nodes on this machine's loopback that share nothing but a DVC remote."""

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from samo.study.errors import PipelineError
from samo.study.grid import pipeline
from samo.study.grid.cluster import Cluster
from tests.forks import wait_for
from tests.study.project import Project

ALIKE = {"node_ip_address": "127.0.0.1", "object_store_memory": 80_000_000}
QUICK = {"health_check_period_ms": 500, "health_check_timeout_ms": 4000, "health_check_failure_threshold": 10}
"""A node that does not answer is missed after five seconds, on a busy machine, too."""

# Ray reads these as it is imported.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # what Ray calls it to stay on the loopback

pytest.importorskip("ray", reason="needs the extra `cluster`")
pytestmark = pytest.mark.slow  # a cluster takes ten seconds to start
CONDITIONS = ["train-a", "train-b", "train-c"]


class Nodes:
    """The cluster's nodes; each sees nothing of another but what the remote holds."""

    def __init__(self, cluster: Any, scratch: Path) -> None:
        self._cluster = cluster
        self._scratch = scratch
        self._nodes: dict[Path, Any] = {}
        self.address = cluster.address

    def add(self) -> None:
        """A node with one core."""
        folder = self._scratch / f"node{len(self._nodes)}"
        folder.mkdir()
        self._nodes[folder] = self._cluster.add_node(num_cpus=1, env_vars={"SAMO_SCRATCH": str(folder)}, **ALIKE)

    def kill(self, node: Any) -> None:
        """The machine is gone, with all that runs on it and its disk."""
        raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
        for process in [raylet, *raylet.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._cluster.remove_node(node, allow_graceful=False)
        (folder,) = [folder for folder, known in self._nodes.items() if known is node]
        shutil.rmtree(folder)

    def of(self, condition: str) -> Any:
        """The node on which a condition runs now; None where it runs on none."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if {"condition.py", condition} <= set(process.cmdline()) and process.name() != "sh":
                    for folder, node in self._nodes.items():
                        if process.cwd().startswith(f"{folder}/"):
                            return node
        return None

    def clones(self) -> list[Path]:
        """What workers have left."""
        return list(self._scratch.glob("node*/*/worker-*"))


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """A cluster with two nodes of one core, on this machine's loopback; its head has none."""
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": QUICK, **ALIKE}
    made = Cluster(initialize_head=True, head_node_args=head)
    try:
        found = Nodes(made, tmp_path_factory.mktemp("nodes"))
        for _ in range(2):
            found.add()
        yield found
    finally:
        made.shutdown()


@pytest.fixture
def shared(project: Project, request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    """With conditions of its own: nodes keep their cache, and take out of it what another test has made."""
    (project.root / "code.txt").write_text(request.node.name)
    project.dvc("remote", "add", "shared", str(tmp_path / "remote"))
    project.commit()
    return project


def run(project: Project, nodes: Nodes, workers: int | None = None) -> int:
    where = Cluster(nodes.address, "shared", workers=workers)
    return pipeline.repro(project.root, 2, lambda _: 1.0, rest=False, cluster=where)


def made(project: Project, condition: str) -> str:
    """What a condition writes, from the name of the test."""
    return f"{condition} fetch-one {{}} {(project.root / 'code.txt').read_text()}\n"


def test_the_head_has_all_and_runs_nothing(shared: Project, nodes: Nodes) -> None:
    shared.edit("rho: 1", "seconds: 2")
    shared.edit("rho: 2", "seconds: 2")
    shared.commit()
    assert run(shared, nodes) == 0
    folders = {line.split()[0]: line.split()[1] for line in shared.lines()}
    assert "/node0/" in folders["train-a"] + folders["train-b"]
    assert "/node1/" in folders["train-a"] + folders["train-b"]
    assert shared.ran() == ["fetch-one", *CONDITIONS]
    assert (shared.root / "data/runs/one/c").read_text() == made(shared, "train-c {'rho': 3}")
    assert not nodes.clones()

    names = [f"train@one-{name}" for name in "abc"]
    assert shared.dvc("repro", "--pull", *names).count("didn't change") == 4
    assert run(shared, nodes) == 0  # nor does another grid

    # Nor does anybody who has the commit and the remote alone.
    (shared.root / "dvc.lock").unlink()
    shutil.rmtree(shared.root / "data")
    shutil.rmtree(shared.root / ".dvc/cache")
    shared.dvc("config", "core.remote", "shared")
    shared.dvc("fetch", "--run-cache")
    assert shared.dvc("repro", "--pull", *names).count("is cached - skipping run") == 4
    assert shared.ran() == []


def test_a_killed_node_costs_nothing_but_time_and_all_stays_on_the_loopback(shared: Project, nodes: Nodes) -> None:
    shared.edit("rho: 2", "seconds: 4")
    shared.commit()
    head = shared.start(nodes.address, "shared")
    wait_for(lambda: nodes.of("train-b") is not None)
    mine = psutil.Process(os.getpid()).children(recursive=True)  # Ray's processes, the head, its workers
    listening = [c.laddr.ip for p in mine for c in p.net_connections() if c.status == psutil.CONN_LISTEN]
    assert len(listening) > 3
    assert set(listening) <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}

    nodes.kill(nodes.of("train-b"))
    said, _ = head.communicate(timeout=90)
    assert head.returncode == 0, said
    assert "train@one-b goes to another worker" in said
    assert shared.ran() == ["fetch-one", *CONDITIONS]  # a condition leaves its trace at its end
    assert (shared.root / "data/runs/one/b").read_text() == made(shared, "train-b {'seconds': 4}")
    assert not nodes.clones()
    nodes.add()


def test_a_killed_head_goes_on(shared: Project, nodes: Nodes) -> None:
    shared.edit("rho: 2", "seconds: 10")
    shared.commit()
    head = shared.start(nodes.address, "shared")
    # A condition is done when the remote has it: its trace comes before that.
    wait_for(lambda: len(list((shared.root.parent / "remote/runs").glob("*/*/*"))) == len(["fetch", "a", "c"]))
    assert nodes.of("train-b") is not None
    head.send_signal(signal.SIGKILL)
    head.communicate()
    wait_for(lambda: nodes.of("train-b") is None and not nodes.clones(), seconds=30)
    assert shared.ran() == ["fetch-one", "train-a", "train-c"]
    assert run(shared, nodes) == 0
    assert shared.ran() == ["train-b"]
    assert len(list((shared.root / "data/runs/one").iterdir())) == 3


def test_a_clone_that_changed_is_refused(shared: Project, nodes: Nodes, capsys: pytest.CaptureFixture[str]) -> None:
    condition = shared.root / "condition.py"
    condition.write_text("import sys\nif sys.argv[1] == 'train-b':\n    open('new.py', 'w')\n" + condition.read_text())
    shared.commit()
    assert run(shared, nodes, workers=1) == 1
    said = capsys.readouterr().out
    assert "FAILED train@one-b: the clone has changes of its own: new.py" in said
    assert "train@one-c goes to another worker" in said
    assert shared.ran() == ["fetch-one", *CONDITIONS]
    assert sorted(path.name for path in (shared.root / "data/runs/one").iterdir()) == ["a", "c"]


def test_no_room_is_said(shared: Project, nodes: Nodes) -> None:
    where = Cluster(nodes.address, "shared", cpus=8, gpus=1)
    with pytest.raises(PipelineError, match="no node of the cluster has 8 CPUs and 1 GPUs"):
        pipeline.repro(shared.root, 2, lambda _: 1.0, rest=False, cluster=where)
