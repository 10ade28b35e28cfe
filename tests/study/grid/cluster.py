"""A Ray cluster on this machine's loopback: a head without cores, and nodes with a scratch folder of their own."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

QUICK = {"health_check_period_ms": 500, "health_check_timeout_ms": 4000, "health_check_failure_threshold": 10}
"""A node that does not answer is missed after five seconds, on a busy machine, too."""

# Ray reads these as it is imported.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # what Ray calls it to stay on the loopback


class Nodes:
    """The cluster's nodes; each sees nothing of another but what the remote holds."""

    def __init__(self, cluster: Any, scratch: Path) -> None:
        self._cluster = cluster
        self._scratch = scratch
        self._nodes: dict[Path, Any] = {}
        self.address = cluster.address

    def add(self) -> Any:
        """A node with one core."""
        folder = self._scratch / f"node{len(self._nodes)}"
        folder.mkdir(parents=True)
        self._nodes[folder] = self._cluster.add_node(
            num_cpus=1,
            node_ip_address="127.0.0.1",
            object_store_memory=80_000_000,
            env_vars={"SAMO_SCRATCH": str(folder)},
        )
        return self._nodes[folder]

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


@contextlib.contextmanager
def nodes(scratch: Path, count: int) -> Iterator[Nodes]:
    """A cluster with some nodes of one core."""
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
