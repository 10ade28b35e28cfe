"""What is written of a run into MLflow, from its start to its end."""

import hashlib
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from samo.study.config import Params
from samo.study.config.conditions import Cell
from samo.study.grid import half_runs
from samo.study.tracking import run as track_run
from samo.study.tracking import view as track_view
from samo.study.tracking.mlflow_store import uri
from samo.training.loop import Row
from samo.training.search import Trial

if TYPE_CHECKING:
    from mlflow import MlflowClient

BATCH = 1000  # metrics that one MLflow call takes


def digest(metrics: Mapping[str, Any], seed: str) -> str:
    """What a run is known by: its cell, its settings and its results."""
    known = {key: metrics[key] for key in ("dataset", "method", "search")} | {"values": metrics["seeds"][seed]}
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:16]


def commit(root: Path) -> str:
    """The code's commit, with a plus where the folder has changes on top; "unknown" outside git."""
    git = ["git", "-C", str(root)]
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    if head.returncode:
        return "unknown"
    dirty = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=False)
    return head.stdout.strip() + ("+" if dirty.stdout.strip() else "")


def experiment(client: "MlflowClient", root: Path, dataset: str) -> str:
    """The id of a dataset's experiment, made where it is not there.

    A server keeps artifacts where it was told to; beside a database of this folder they lie in mlartifacts/.
    """
    found = client.get_experiment_by_name(dataset)
    if found:
        return str(found.experiment_id)
    local = (root.resolve() / "mlartifacts" / dataset).as_uri() if uri(root).startswith("sqlite:") else None
    return str(client.create_experiment(dataset, artifact_location=local, tags=track_view.KIND))


def start(
    client: "MlflowClient",
    experiment: str,
    root: Path,
    params: Params,
    cell: Cell,
    chosen: Trial,
    seed: int,
    device: str,
) -> str:
    """Make a run with its settings, tags and data; returns its id."""
    from mlflow.entities import Param

    own = {"git.commit": commit(root), "device": device, half_runs.PROCESS: half_runs.this_process()}
    tags = track_run.tags(params, cell, seed) | own
    run = str(client.create_run(experiment, run_name=f"{cell.method}/{seed}", tags=tags).info.run_id)
    client.log_batch(run, params=[Param(*item) for item in track_run.settings(params, cell, chosen).items()])
    if (data := track_run.trained_on(root, params, cell.dataset)) is not None:
        client.log_inputs(run, [data])
    return run


def log_rows(client: "MlflowClient", run: str, rows: list[Row]) -> None:
    """Log an epoch's numbers as `<split>/<task>/<metric>`, with the epoch as step."""
    log_values(client, run, [(f"{r.split}/{r.task}/{r.metric}", r.value, r.epoch) for r in rows])


def log_values(client: "MlflowClient", run: str, values: list[tuple[str, float, int]]) -> None:
    """Log (name, value, step)."""
    import time

    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    metrics = [Metric(name, value, now, step) for name, value, step in values]
    for first in range(0, len(metrics), BATCH):
        client.log_batch(run, metrics=metrics[first : first + BATCH])


def finish(client: "MlflowClient", experiment: str, run: str, cell: Cell, seed: int, known: str) -> None:
    """Name the run by its results; older runs of the same cell and seed stay, marked as not current."""
    query = f"tags.cell = '{cell.name}' and tags.seed = '{seed}'"
    for other in client.search_runs([experiment], query, max_results=1000):
        if other.info.run_id != run and other.data.tags.get("current") != "no":
            client.set_tag(other.info.run_id, "current", "no")
    client.set_tag(run, "current", "yes")
    client.set_tag(run, "results", known)
    client.delete_tag(run, half_runs.PROCESS)
    client.set_terminated(run)
