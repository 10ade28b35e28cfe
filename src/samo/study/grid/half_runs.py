"""Interrupted runs: those in MLflow that a killed process left under way; they are marked once it is gone."""

from typing import TYPE_CHECKING

from samo.study.processes import identity as this_process
from samo.study.processes import is_alive_as

if TYPE_CHECKING:
    from mlflow import MlflowClient

PROCESS = "process"
"""The tag of a run that is under way: whose it is."""


def end(client: "MlflowClient", experiment: str, cell: str | None = None) -> int:
    """Mark what a process that is gone left running: all of it, or that of one cell. Returns how many there were."""
    query = "attributes.status = 'RUNNING'" + (f" and tags.cell = '{cell}'" if cell else "")
    left = [
        run
        for run in client.search_runs([experiment], query, max_results=1000)
        if not is_alive_as(run.data.tags.get(PROCESS, ""))
    ]
    for run in left:
        client.set_terminated(run.info.run_id, "KILLED")
    return len(left)


__all__ = ["PROCESS", "end", "this_process"]
