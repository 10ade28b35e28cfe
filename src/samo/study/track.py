"""MLflow as a view of the results: live while a cell runs, or rebuilt from data/runs; never the truth itself."""

import csv
import hashlib
import json
import subprocess
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from samo import sharpness
from samo.search import Trial
from samo.study import half_runs, store
from samo.study.cells import Cell, cells
from samo.study.config import Params
from samo.study.mlflow_store import connect
from samo.study.mlflow_store import uri as uri
from samo.train import Row

if TYPE_CHECKING:
    from mlflow import MlflowClient

BATCH = 1000  # metrics that one MLflow call takes


def prepare(root: Path, params: Params) -> None:
    """Make the store and its experiments once, before several processes open it: a fresh one bears only one.

    Where MLflow is away that is a warning: every cell finds it out for itself.
    """
    try:
        client = connect(root, at_once=True)
        for dataset in params.datasets:
            _experiment(client, dataset)
    except Exception as error:  # whatever ails the view, the results come first
        _warn(error)


def pages(root: Path, params: Params, address: str) -> dict[str, str]:
    """Where each dataset's runs are shown: MLflow itself opens on the traces of language models."""
    client = connect(root)
    return {dataset: f"{address}/#/experiments/{_experiment(client, dataset)}/runs" for dataset in params.datasets}


def rebuild(root: Path, params: Params, say: Callable[[str], None]) -> int:
    """Bring MLflow up to data/runs: runs that are there already stay, missing ones are made, stopped ones are marked.

    A cell restored from DVC's cache has logged nothing; this shows it. Calling it twice changes nothing.

    Returns:
        How many runs were made.
    """
    client, made = connect(root, at_once=True), 0
    for dataset in params.datasets:
        if ended := half_runs.end(client, _experiment(client, dataset)):
            say(f"{dataset}: {ended} runs were stopped half way, and are marked so")
    for cell in cells(params):
        folder = root / cell.runs
        if not (folder / "metrics.json").exists():
            say(f"{cell.name}: has not run")
            continue
        metrics = store.read_json(folder / "metrics.json")
        history = _read_history(folder / "history.csv")
        experiment = _experiment(client, cell.dataset)
        for seed in metrics["seeds"]:
            if _standing(client, experiment, cell, int(seed), digest(metrics, seed)):
                continue
            chosen = Trial(**metrics["search"]["chosen"], score=0.0)
            run = _start(client, experiment, root, params, cell, chosen, int(seed), "unknown")
            _log(client, run, [row for s, row in history if s == int(seed)])
            _finish(client, experiment, run, cell, int(seed), digest(metrics, seed))
            made += 1
        say(f"{cell.name}: {len(metrics['seeds'])} runs")
    return made


class Live:
    """Logs a cell's runs as they go. Where MLflow is away, training goes on and `samo track` mends the view later.

    A context: runs that are not finished at its end, because something was raised, are marked as failed, or as killed
    where a person stopped the cell. Those that a killed process left half way are marked at the next one's beginning.
    """

    def __init__(self, root: Path, params: Params, cell: Cell, chosen: Trial, device: str) -> None:
        self.root, self.params, self.cell, self.chosen, self.device = root, params, cell, chosen, device
        self.runs: dict[int, str] = {}
        self.client: MlflowClient | None = None
        self.experiment = ""

    def __enter__(self) -> "Live":
        with self._forgiving():
            self.client = connect(self.root, at_once=True)
            self.experiment = _experiment(self.client, self.cell.dataset)
            half_runs.end(self.client, self.experiment, self.cell.name)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for run in self.runs.values() if kind else ():
            with self._forgiving():
                if self.client is not None:
                    self.client.set_terminated(run, "FAILED" if issubclass(kind or type, Exception) else "KILLED")

    def start(self, seed: int) -> Callable[[list[Row]], None]:
        """Begin a seed's run; gives what logs an epoch's rows, or those of several epochs."""
        with self._forgiving():
            if self.client is not None:
                settings = (self.root, self.params, self.cell, self.chosen, seed, self.device)
                self.runs[seed] = _start(self.client, self.experiment, *settings)

        def log(rows: list[Row]) -> None:
            with self._forgiving():
                if self.client is not None:
                    _log(self.client, self.runs[seed], rows)

        return log

    def finish(self, metrics: dict[str, Any]) -> None:
        """The cell's files are whole: its runs are finished, and known by what they hold."""
        with self._forgiving():
            for seed, run in self.runs.items() if self.client is not None else ():
                _finish(self.client, self.experiment, run, self.cell, seed, digest(metrics, str(seed)))
        self.runs.clear()

    @contextmanager
    def _forgiving(self) -> Iterator[None]:
        """After the first fault nothing is tried any more: one warning, and one wait."""
        try:
            yield
        except Exception as error:  # whatever ails the view, the results come first
            self.client = None
            _warn(error)


def _warn(error: Exception) -> None:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    warnings.warn(f"MLflow: {reason}; training goes on, `samo track` mends the view", stacklevel=5)


def digest(metrics: dict[str, Any], seed: str) -> str:
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


def _experiment(client: "MlflowClient", dataset: str) -> str:
    found = client.get_experiment_by_name(dataset)
    return str(found.experiment_id if found else client.create_experiment(dataset))


def _start(
    client: "MlflowClient",
    experiment: str,
    root: Path,
    params: Params,
    cell: Cell,
    chosen: Trial,
    seed: int,
    device: str,
) -> str:
    method, block = params.methods_on(cell.dataset)[cell.method], params.dataset[cell.dataset]
    fields = chosen.fields(method.preset_fields)
    perturbation = sharpness.preset(method.preset_name, **fields)
    settings: dict[str, Any] = {
        "aggregator": method.aggregator_name,
        **{f"aggregator.{key}": value for key, value in method.aggregator_options.items()},
        "sharpness": method.preset_name,
        "networks": method.networks,
        "lr": chosen.lr,
        **{f"data.{key}": value for key, value in block.data.model_dump().items()},
        **{f"training.{key}": value for key, value in block.training.model_dump().items()},
    }
    if perturbation.scope != "none":
        settings |= {key: getattr(perturbation, key) for key in ("rho", "alpha", "mu")}
    tags = {
        "dataset": cell.dataset,
        "method": cell.method,
        "aggregator": method.aggregator_name,
        "sharpness": method.preset_name,
        "seed": str(seed),
        "cell": cell.name,
        "git.commit": commit(root),
        "device": device,
        half_runs.PROCESS: half_runs.this_process(),
    }
    run = client.create_run(experiment, run_name=f"{cell.method}/{seed}", tags=tags)
    for key, value in settings.items():
        client.log_param(run.info.run_id, key, value)
    return str(run.info.run_id)


def _log(client: "MlflowClient", run: str, rows: list[Row]) -> None:
    import time

    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    metrics = [Metric(f"{r.split}/{r.task}/{r.metric}", r.value, now, r.epoch) for r in rows]
    for start in range(0, len(metrics), BATCH):
        client.log_batch(run, metrics=metrics[start : start + BATCH])


def _finish(client: "MlflowClient", experiment: str, run: str, cell: Cell, seed: int, known: str) -> None:
    """Name the run by its results; older runs of the same cell and seed stay, marked as not current."""
    for other in _runs(client, experiment, cell, seed):
        if other.info.run_id != run and other.data.tags.get("current") != "no":
            client.set_tag(other.info.run_id, "current", "no")
    client.set_tag(run, "current", "yes")
    client.set_tag(run, "results", known)
    client.delete_tag(run, half_runs.PROCESS)
    client.set_terminated(run)


def _standing(client: "MlflowClient", experiment: str, cell: Cell, seed: int, known: str) -> bool:
    return any(
        run.data.tags.get("results") == known and run.data.tags.get("current") == "yes"
        for run in _runs(client, experiment, cell, seed)
    )


def _runs(client: "MlflowClient", experiment: str, cell: Cell, seed: int) -> list[Any]:
    query = f"tags.cell = '{cell.name}' and tags.seed = '{seed}'"
    return list(client.search_runs([experiment], query, max_results=1000))


def _read_history(path: Path) -> list[tuple[int, Row]]:
    with path.open(newline="") as stream:
        return [
            (int(r["seed"]), Row(int(r["epoch"]), r["split"], r["task"], r["metric"], float(r["value"])))
            for r in csv.DictReader(stream)
            if r["value"]
        ]
