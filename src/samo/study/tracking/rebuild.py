"""Brings MLflow up to date with data/runs and reports: runs, the numbers to compare them by, notebooks."""

import math
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from samo.results import tables
from samo.results.metrics import delta_m
from samo.study import config
from samo.study.config import Params
from samo.study.config.conditions import conditions
from samo.study.runs import results
from samo.study.runs.results import read_runs
from samo.study.tracking import mlflow_store, record
from samo.training.search import Trial

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

DIGITS = 4  # decimals of the numbers to compare by: MLflow shows all that it gets


def show(root: Path, port: int = 5000) -> None:
    """Bring MLflow up to date, print each dataset's page, and become MLflow's own server, for this machine only.

    If MLFLOW_TRACKING_URI names a server, that one shows the runs, and none is started.
    """
    params = config.load()
    rebuild(root, params, lambda _: None)
    uri = mlflow_store.uri(root)
    server = uri if uri.startswith("http") else f"http://127.0.0.1:{port}"
    for dataset, page in mlflow_store.pages(root, list(params.datasets), server).items():
        print(f"{dataset}: {page}", flush=True)
    if server != uri:  # one process: each that MLflow starts by itself would take seconds to import it anew
        arguments = [sys.executable, "-m", "mlflow", "ui", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        os.execv(sys.executable, [*arguments, "--backend-store-uri", uri])


def rebuild(root: Path, params: Params, say: Callable[[str], None]) -> int:
    """Make missing runs, and add to all runs what follows only from the whole: Delta-m, gain, notebooks.

    A condition restored from DVC's cache has logged nothing; this adds its runs. Runs with other results, and of
    conditions that the profile no longer has, stay, marked as not current; interrupted ones are marked, too. A second
    call changes nothing. Returns how many runs were made.

    Raises:
        OSError: the store or its server cannot be reached or written to; the message is one line.
    """
    with mlflow_store.told(root):
        client = mlflow_store.connect(root)
        return sum(_rebuild(client, root, params, dataset, say) for dataset in params.datasets)


def _rebuild(client: "MlflowClient", root: Path, params: Params, dataset: str, say: Callable[[str], None]) -> int:
    experiment, made = mlflow_store.experiment(client, root, dataset), 0
    if ended := record.end_interrupted(client, experiment):
        say(f"{dataset}: {ended} runs were interrupted, and are marked so")
    known = {_name(run): run for run in _runs(client, experiment)}
    own = {c.method: c for c in conditions(params) if c.dataset == dataset}
    wanted: set[tuple[str | None, ...]] = set()
    for updates in sorted({n for method in own for n in params.updates_on(dataset, method)}):
        methods = [method for method in own if updates in params.updates_on(dataset, method)]
        found = read_runs(root, dataset, methods, updates)
        numbers = scores(found)
        for method, of in found.items():
            if of is None:
                say(f"{own[method].name}: has not run with {updates} updates")
                continue
            stem = root / "reports/executed" / own[method].notebook
            files = [path for kind in ("html", "ipynb") if (path := stem.with_name(f"{stem.name}.{kind}")).is_file()]
            for seed in of["seeds"]:
                name = (own[method].name, str(updates), seed, record.digest(of, seed))
                wanted.add(name)
                if name not in known:
                    known[name] = _make(record.Record(client, experiment, root, params, own[method]), of, int(seed))
                    made += 1
                _complete(client, known[name], numbers[method][seed], files)
            say(f"{own[method].name}: {len(of['seeds'])} runs with {updates} updates")
    for run in _runs(client, experiment):
        if run.data.tags.get("current") == "yes" and _name(run) not in wanted:
            client.set_tag(run.info.run_id, "current", "no")
    return made


def _name(run: "Run") -> tuple[str | None, ...]:
    """What identifies a run: its condition, budget, seed and results."""
    return tuple(run.data.tags.get(tag) for tag in ("condition", "updates", "seed", "results"))


def _make(runs: record.Record, of: tables.Run, seed: int) -> "Run":
    """Make a run from the condition's files."""
    rows = results.read_rows(runs.root / runs.condition.runs / "history.csv", results.HISTORY)
    rows = rows[(rows["updates"] == of["updates"]) & (rows["seed"] == seed)].dropna(subset="value")
    run = runs.start(of["updates"], seed, Trial(**of["search"]["chosen"]), "unknown")
    record.log_values(runs.client, run, record.named(rows.itertuples()))
    runs.finish(run, of, seed)
    return runs.client.get_run(run)


def _complete(client: "MlflowClient", run: "Run", numbers: dict[str, float], files: list[Path]) -> None:
    """Bring a run's tags, scores and files up to date; leave alone what already is."""
    own, tags = run.info.run_id, run.data.tags
    if tags.get("current") != "yes":  # these results were there before, and are again
        client.set_tag(own, "current", "yes")
    record.log_values(client, own, [(k, v, 0) for k, v in numbers.items() if run.data.metrics.get(k) != v])
    record.keep_files(client, own, tags.get(record.FILES), files)


def _runs(client: "MlflowClient", experiment: str) -> "Iterator[Run]":
    """All runs of an experiment, page after page."""
    token = None
    while True:
        page = client.search_runs([experiment], max_results=1000, page_token=token)
        yield from page
        if not (token := page.token):
            return


def scores(runs: tables.Runs) -> dict[str, dict[str, dict[str, float]]]:
    """Method -> seed -> name -> value, of one dataset: the numbers by which its runs are compared.

    `reported/<task>/<metric>` is the test value that counts. `delta_m` (per cent, lower is better) is taken against the
    mean over STL's seeds, as in the tables, and `delta_m/<task>/<metric>` is that of one metric alone; STL itself has 0
    by definition. `gain` is Delta-m of the base method minus that of the same seed: above 0 is better. What is not
    known (STL or the base was not run, a value is missing) is left out.
    """
    return {name: _scores(name, run, runs) for name, run in runs.items() if run}


def _scores(name: str, run: tables.Run, runs: tables.Runs) -> dict[str, dict[str, float]]:
    names, ours, better = [f"{m['task']}/{m['metric']}" for m in run["metrics"]], tables.values(run), tables.higher(run)
    columns = {f"reported/{metric}": ours[:, k].tolist() for k, metric in enumerate(names)}
    single = tables.reference(runs)
    against = runs[single] if single else None
    if name == single:
        columns["delta_m"] = [0.0] * len(ours)
    elif against is not None:
        theirs, deltas = tables.values(against).mean(axis=0), tables.delta_by_seed(run, against)
        for k, metric in enumerate(names):
            columns[f"delta_m/{metric}"] = delta_m(ours[:, [k]], theirs[[k]], [better[k]]).tolist()
        columns["delta_m"] = list(deltas.values())
        if base := runs.get(tables.base_of(name, runs) or ""):
            plain = tables.delta_by_seed(base, against)
            columns["gain"] = [plain.get(seed, math.nan) - value for seed, value in deltas.items()]
    return {
        seed: {key: round(of[row], DIGITS) for key, of in columns.items() if math.isfinite(of[row])}
        for row, seed in enumerate(run["seeds"])
    }
