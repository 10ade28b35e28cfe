"""Brings MLflow up to what lies in data/runs and reports: runs, the numbers to compare them by, files, the view."""

import csv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from samo.study.config import Params
from samo.study.config.conditions import Cell, cells
from samo.study.grid import half_runs
from samo.study.runs import results
from samo.study.runs.results import read_runs
from samo.study.tracking import files as track_files
from samo.study.tracking import store as track_store
from samo.study.tracking import view as track_view
from samo.study.tracking.mlflow_store import MEND, connect, masked, place
from samo.study.tracking.scores import scores
from samo.training.loop import Row
from samo.training.search import Trial

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


Name = tuple[str | None, ...]
"""What a run is known by: its cell, seed and results."""


def rebuild(root: Path, params: Params, say: Callable[[str], None]) -> int:
    """Make the runs that are missing, and give all of them what only the whole knows: Delta-m, gain, notebooks.

    A cell restored from DVC's cache has logged nothing; this shows it. Runs of other results, and of cells that the
    profile no longer has, stay, marked as not current; those stopped half way are marked, too. Calling it twice changes
    nothing.

    Returns:
        How many runs were made.

    Raises:
        OSError: the store or its server cannot be reached or written to; the message is one line.
    """
    with _told(root):
        client = connect(root, at_once=True)
        return sum(_rebuild(client, root, params, dataset, say) for dataset in params.datasets)


def _rebuild(client: "MlflowClient", root: Path, params: Params, dataset: str, say: Callable[[str], None]) -> int:
    experiment, made = track_store.experiment(client, root, dataset), 0
    if ended := half_runs.end(client, experiment):
        say(f"{dataset}: {ended} runs were stopped half way, and are marked so")
    own = [cell for cell in cells(params) if cell.dataset == dataset]
    found = read_runs(root, dataset, [cell.method for cell in own])
    numbers = scores(found)
    known = {_name(run): run for run in _runs(client, experiment)}
    wanted: set[Name] = set()
    for cell in own:
        metrics = found[cell.method]
        if metrics is None:
            say(f"{cell.name}: has not run")
            continue
        files = track_files.notebooks(root, cell)
        for seed in metrics["seeds"]:
            name = (cell.name, seed, track_store.digest(metrics, seed))
            wanted.add(name)
            if name not in known:
                known[name] = _make(client, experiment, root, params, cell, metrics, int(seed))
                made += 1
            _complete(client, known[name], numbers[cell.method][seed], files)
        say(f"{cell.name}: {len(metrics['seeds'])} runs")
    for run in _runs(client, experiment):
        if run.data.tags.get("current") == "yes" and _name(run) not in wanted:
            client.set_tag(run.info.run_id, "current", "no")
    _open_with(client, experiment, found)
    return made


def _name(run: "Run") -> Name:
    return tuple(run.data.tags.get(tag) for tag in ("cell", "seed", "results"))


def _make(
    client: "MlflowClient",
    experiment: str,
    root: Path,
    params: Params,
    cell: Cell,
    metrics: Mapping[str, Any],
    seed: int,
) -> "Run":
    """A run out of the cell's files."""
    chosen = Trial(**metrics["search"]["chosen"])
    run = track_store.start(client, experiment, root, params, cell, chosen, seed, "unknown")
    track_store.log_rows(client, run, [row for s, row in _history(root / cell.runs / "history.csv") if s == seed])
    track_store.finish(client, experiment, run, cell, seed, track_store.digest(metrics, str(seed)))
    return client.get_run(run)


def _complete(client: "MlflowClient", run: "Run", numbers: dict[str, float], files: list[Path]) -> None:
    """Bring a run's tags, scores and files up to date; what is as it should be is left alone."""
    own, tags = run.info.run_id, run.data.tags
    if tags.get("current") != "yes":  # these results were there before, and are again
        client.set_tag(own, "current", "yes")
    changed = [(name, value, 0) for name, value in numbers.items() if run.data.metrics.get(name) != value]
    track_store.log_values(client, own, changed)
    if files and tags.get(track_files.MARK) != track_files.mark(files):
        track_files.keep(client, own, files)


def _open_with(client: "MlflowClient", experiment: str, runs: Mapping[str, Any]) -> None:
    """The views that the dataset's page opens with."""
    found = client.get_experiment(experiment)
    ran = next((run for run in runs.values() if run), None)
    names = [f"{m['task']}/{m['metric']}" for m in ran["metrics"]] if ran else []
    views = track_view.tags(list(runs), names, found.creation_time)
    for key, value in {**track_view.KIND, **views}.items():
        if found.tags.get(key) != value:
            client.set_experiment_tag(experiment, key, value)


def _runs(client: "MlflowClient", experiment: str) -> "Iterator[Run]":
    """All runs of an experiment, page after page."""
    token = None
    while True:
        page = client.search_runs([experiment], max_results=1000, page_token=token)
        yield from page
        if not (token := page.token):
            return


def _history(path: Path) -> list[tuple[int, Row]]:
    results.read_rows(path, results.HISTORY)  # refuses what is none
    with path.open(newline="") as stream:
        return [
            (int(r["seed"]), Row(int(r["epoch"]), r["split"], r["task"], r["metric"], float(r["value"])))
            for r in csv.DictReader(stream)
            if r["value"]
        ]


@contextmanager
def _told(root: Path) -> Iterator[None]:
    """What ails MLflow, in one line for a person."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError) as error:
        raise OSError(f"MLflow at {place(root)}: {masked(str(error).splitlines()[0])[:300]}; {MEND}") from None
