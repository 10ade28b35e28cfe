"""The grid on a real Ray cluster: nodes on this machine's loopback that share nothing but a DVC remote."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from samo.study.errors import PipelineError
from samo.study.grid import pipeline
from samo.study.grid.cluster import Cluster
from tests.study.grid import cluster
from tests.study.project import Project

pytest.importorskip("ray", reason="needs the extra `cluster`")
pytestmark = pytest.mark.slow  # a cluster takes ten seconds to start
CELLS = ["train-a", "train-b", "train-c"]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[cluster.Nodes]:
    with cluster.nodes(tmp_path_factory.mktemp("nodes"), 2) as made:
        yield made


@pytest.fixture
def own(project: Project, request: pytest.FixtureRequest) -> Project:
    """With cells of its own: nodes keep their cache, and take out of it what another test has made."""
    (project.root / "code.txt").write_text(request.node.name)
    return project


@pytest.fixture
def shared(own: Project, tmp_path: Path) -> Project:
    own.dvc("remote", "add", "shared", str(tmp_path / "remote"))
    cluster.commit(own)
    return own


def run(project: Project, nodes: cluster.Nodes, workers: int | None = None) -> int:
    where = Cluster(nodes.address, "shared", workers=workers)
    return pipeline.repro(project.root, 2, lambda _: 1.0, rest=False, cluster=where)


def made(project: Project, cell: str) -> str:
    """What a cell writes, from the name of the test."""
    return f"{cell} fetch-one {{}} {(project.root / 'code.txt').read_text()}\n"


def start(project: Project, nodes: cluster.Nodes) -> subprocess.Popen[str]:
    """A grid in a process of its own, which can be killed."""
    code = (
        "import sys; from pathlib import Path; from samo.study.grid import pipeline;"
        "where = pipeline.Cluster(sys.argv[2], 'shared');"
        "sys.exit(pipeline.repro(Path(sys.argv[1]), 2, lambda _: 1.0, rest=False, cluster=where))"
    )
    command = [sys.executable, "-c", code, str(project.root), nodes.address]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_the_head_has_all_and_runs_nothing(shared: Project, nodes: cluster.Nodes) -> None:
    shared.edit("rho: 1", "seconds: 2")
    shared.edit("rho: 2", "seconds: 2")
    cluster.commit(shared)
    assert run(shared, nodes) == 0
    folders = {line.split()[0]: line.split()[3] for line in shared.lines()}
    assert "/node0/" in folders["train-a"] + folders["train-b"]
    assert "/node1/" in folders["train-a"] + folders["train-b"]
    assert shared.ran() == ["fetch-one", *CELLS]
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


def test_a_killed_node_costs_nothing_but_time_and_all_stays_on_the_loopback(
    shared: Project, nodes: cluster.Nodes
) -> None:
    shared.edit("rho: 2", "seconds: 4")
    cluster.commit(shared)
    head = start(shared, nodes)
    shared.wait_for(lambda: nodes.of("train-b") is not None)
    mine = psutil.Process(os.getpid()).children(recursive=True)  # Ray's processes, the head, its workers
    listening = [c.laddr.ip for p in mine for c in p.net_connections() if c.status == psutil.CONN_LISTEN]
    assert len(listening) > 3
    assert set(listening) <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}

    nodes.kill(nodes.of("train-b"))
    said, _ = head.communicate(timeout=90)
    assert head.returncode == 0, said
    assert "train@one-b goes to another worker" in said
    assert shared.ran() == ["fetch-one", *CELLS]  # a cell leaves its trace at its end
    assert (shared.root / "data/runs/one/b").read_text() == made(shared, "train-b {'seconds': 4}")
    assert not nodes.clones()
    nodes.add()


def test_a_killed_head_goes_on(shared: Project, nodes: cluster.Nodes) -> None:
    shared.edit("rho: 2", "seconds: 10")
    cluster.commit(shared)
    head = start(shared, nodes)
    # A cell is done when the remote has it: its trace comes before that.
    shared.wait_for(lambda: len(list((shared.root.parent / "remote/runs").glob("*/*/*"))) == len(["fetch", "a", "c"]))
    assert nodes.of("train-b") is not None
    head.send_signal(signal.SIGKILL)
    head.communicate()
    shared.wait_for(lambda: nodes.of("train-b") is None and not nodes.clones(), seconds=30)
    assert shared.ran() == ["fetch-one", "train-a", "train-c"]
    assert run(shared, nodes) == 0
    assert shared.ran() == ["train-b"]
    assert len(list((shared.root / "data/runs/one").iterdir())) == 3


def test_a_clone_that_changed_is_refused(
    shared: Project, nodes: cluster.Nodes, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = shared.root / "cell.py"
    cell.write_text("import sys\nif sys.argv[1] == 'train-b':\n    open('new.py', 'w')\n" + cell.read_text())
    cluster.commit(shared)
    assert run(shared, nodes, workers=1) == 1
    said = capsys.readouterr().out
    assert "FAILED train@one-b: the clone has changes of its own: new.py" in said
    assert "train@one-c goes to another worker" in said
    assert shared.ran() == ["fetch-one", *CELLS]
    assert sorted(path.name for path in (shared.root / "data/runs/one").iterdir()) == ["a", "c"]


def test_a_bucket_serves_as_remote(own: Project, nodes: cluster.Nodes) -> None:
    server = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    pytest.importorskip("dvc_s3", reason="dvc[s3] is not installed")
    boto3 = pytest.importorskip("boto3", reason="boto3 comes with moto[server]")

    # Keys of the store that is made here, in DVC's config, from which workers get them.
    store = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    store.start()
    try:
        address = "http://{}:{}".format(*store.get_host_and_port())
        keys = {"access_key_id": "made", "secret_access_key": "up"}
        boto3.client(
            "s3", endpoint_url=address, region_name="us-east-1", **{f"aws_{key}": value for key, value in keys.items()}
        ).create_bucket(Bucket="study")
        own.dvc("remote", "add", "shared", "s3://study/results")
        for key, value in {"endpointurl": address, "region": "us-east-1", **keys}.items():
            own.dvc("remote", "modify", "--local", "shared", key, value)
        cluster.commit(own)
        assert run(own, nodes) == 0
        assert own.ran() == ["fetch-one", *CELLS]
        assert (own.root / "data/runs/one/c").read_text() == made(own, "train-c {'rho': 3}")
    finally:
        store.stop()


def test_no_room_is_said(shared: Project, nodes: cluster.Nodes) -> None:
    where = Cluster(nodes.address, "shared", cpus=8, gpus=1)
    with pytest.raises(PipelineError, match="no node of the cluster has 8 CPUs and 1 GPUs"):
        pipeline.repro(shared.root, 2, lambda _: 1.0, rest=False, cluster=where)
