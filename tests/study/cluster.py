"""A Ray cluster on this machine's loopback: a head without cores, and nodes with a scratch folder of their own."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.study.project import Project

QUICK = {"health_check_period_ms": 200, "health_check_timeout_ms": 1000, "health_check_failure_threshold": 3}
"""A node that is killed is missed after a second, not after fifteen."""


class Nodes:
    """The cluster's nodes; each sees nothing of another but what the remote holds."""

    def __init__(self, cluster: Any, scratch: Path) -> None:
        self._cluster = cluster
        self._scratch = scratch
        self._count = 0
        self.address = cluster.address

    def add(self) -> Any:
        """A node with one core."""
        self._count += 1
        folder = self._scratch / f"node{self._count}"
        folder.mkdir(parents=True)
        return self._cluster.add_node(
            num_cpus=1,
            node_ip_address="127.0.0.1",
            object_store_memory=80_000_000,
            env_vars={"SAMO_SCRATCH": str(folder)},
        )

    def kill(self, node: Any) -> None:
        """SIGKILL: the raylet goes with no goodbye."""
        self._cluster.remove_node(node, allow_graceful=False)

    def clones(self) -> list[Path]:
        """What workers have left."""
        return list(self._scratch.glob("node*/*/worker-*"))


@contextlib.contextmanager
def nodes(scratch: Path, count: int) -> Iterator[Nodes]:
    """A cluster with some nodes of one core."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # what Ray calls it to stay on the loopback
    from ray.cluster_utils import Cluster

    made = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 0,
            "node_ip_address": "127.0.0.1",
            "include_dashboard": False,
            "object_store_memory": 80_000_000,
            "_system_config": QUICK,
        },
    )
    try:
        found = Nodes(made, scratch)
        for _ in range(count):
            found.add()
        yield found
    finally:
        made.shutdown()


def commit(project: Project) -> None:
    """Commit everything."""
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["add", "-A"], [*who, "commit", "--quiet", "--allow-empty", "-m", "as it is"]):
        subprocess.run(["git", *command], cwd=project.root, check=True)
