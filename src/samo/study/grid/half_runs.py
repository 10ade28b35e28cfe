"""Runs in MLflow that a killed process left under way: each says whose it is, and is marked once that one is gone."""

import os
import socket
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from mlflow import MlflowClient

PROCESS = "process"
"""The tag of a run that is under way: whose it is."""


def end(client: "MlflowClient", experiment: str, cell: str | None = None) -> int:
    """Mark what a process that is gone left running: all of it, or that of one cell. Returns how many there were."""
    query = "attributes.status = 'RUNNING'" + (f" and tags.cell = '{cell}'" if cell else "")
    left = [run for run in client.search_runs([experiment], query, max_results=1000) if not _lives(run)]
    for run in left:
        client.set_terminated(run.info.run_id, "KILLED")
    return len(left)


def this_process() -> str:
    """This process, so that another one can tell whether it still lives: host, number and when it began."""
    return f"{socket.gethostname()} {os.getpid()} {psutil.Process().create_time():.0f}"


def _lives(run: Any) -> bool:
    """Whether the process that logs a run is there; of one on another machine that cannot be told, and it is let be."""
    host, _, rest = run.data.tags.get(PROCESS, "").partition(" ")
    if not rest:
        return False
    if host != socket.gethostname():
        return True
    number, _, begun = rest.partition(" ")
    try:
        found = f"{psutil.Process(int(number)).create_time():.0f}"
    except (psutil.NoSuchProcess, ValueError):
        return False
    return bool(found == begun)
