"""Brings MLflow up to date with data/runs and reports: runs, the numbers to compare them by, notebooks."""

import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from samo.results import tables
from samo.results.metrics import delta_m
from samo.study import config
from samo.study.config import Params
from samo.study.config.conditions import Condition, conditions
from samo.study.runs import results
from samo.study.tracking import mlflow_store
from samo.study.tracking.record import Record, digest
from samo.training.search import Trial

if TYPE_CHECKING:
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
    for dataset in params.datasets:
        print(f"{dataset}: {Record(root, params, dataset).page(server)}", flush=True)
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
        return sum(_rebuild(Record(root, params, dataset), say) for dataset in params.datasets)


def _rebuild(record: Record, say: Callable[[str], None]) -> int:
    params, dataset, made = record.params, record.dataset, 0
    if ended := record.end_interrupted():
        say(f"{dataset}: {ended} runs were interrupted, and are marked so")
    known = {_name(run): run for run in record.runs()}
    wanted = set()
    budgets = {c: params.updates_on(dataset, c.method) for c in conditions(params) if c.dataset == dataset}
    for updates in sorted({n for of in budgets.values() for n in of}):
        own = {condition.method: condition for condition, of in budgets.items() if updates in of}
        found = results.read_runs(record.root, dataset, own, updates)
        numbers = scores(found)
        for method, condition in own.items():
            if (run := found[method]) is None:
                say(f"{condition.name}: has not run with {updates} updates")
                continue
            notebook = record.root / "reports/executed" / f"{condition.notebook}.ipynb"
            for seed in run["seeds"]:
                name = (condition.name, str(updates), seed, digest(run, seed))
                wanted.add(name)
                if name not in known:
                    known[name] = _make(record, condition, run, int(seed))
                    made += 1
                record.complete(known[name], numbers[method][seed], notebook)
            say(f"{condition.name}: {len(run['seeds'])} runs with {updates} updates")
    for one in record.runs("tags.current = 'yes'"):
        if _name(one) not in wanted:
            record.client.set_tag(one.info.run_id, "current", "no")
    return made


def _name(run: "Run") -> Any:
    """What identifies a run: its condition, budget, seed and results."""
    return tuple(run.data.tags.get(tag) for tag in ("condition", "updates", "seed", "results"))


def _make(record: Record, condition: Condition, of: tables.Run, seed: int) -> "Run":
    """Make a run from the condition's files."""
    rows = results.read_rows(record.root / condition.runs / "history.csv", results.HISTORY)
    rows = rows[(rows["updates"] == of["updates"]) & (rows["seed"] == seed)].dropna(subset="value")
    run = record.start(condition, of["updates"], seed, Trial(**of["search"]["chosen"]), "unknown")
    record.log(run, rows.itertuples())
    record.finish(run, of, seed)
    return record.client.get_run(run)


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
