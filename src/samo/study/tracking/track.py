"""MLflow as a view of the results, live while a condition trains; never their source (`rebuild` has data/runs)."""

import os
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from pathlib import Path
from typing import Any

from samo.results.tables import Run
from samo.study.config import Params
from samo.study.config.conditions import Condition
from samo.study.tracking import mlflow_store
from samo.study.tracking.record import Record
from samo.training.loop import Row
from samo.training.search import Trial

ASKED = "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"  # MLflow's own switch: log what the machine is doing


def prepare(root: Path, params: Params) -> None:
    """Create the store and its experiments once, before several processes open it; warn if MLflow is unreachable."""
    try:
        for dataset in params.datasets:
            Record(root, params, dataset)
    except Exception as error:  # whatever fails in the view, the results come first
        _warn(error)


def _forgiving(act: Callable[..., None]) -> Callable[..., None]:
    """After the first fault, log nothing more: a single warning, and a single wait."""

    @wraps(act)
    def tried(live: "Live", *arguments: Any) -> None:
        try:
            if live.on:
                act(live, *arguments)
        except Exception as error:  # whatever fails in the view, the results come first
            live.on = False
            live.watch_machine(None)
            _warn(error)

    return tried


class Live(AbstractContextManager["Live"]):
    """Logs a condition's runs live. If MLflow is unreachable, training goes on, and `samo track` catches up later.

    A context manager, for the trainings and again for what follows them: if something is raised, the unfinished runs
    are marked as failed, or as killed if the user stopped the training. Those left by a killed process are marked when
    the next one begins. Without `on`, nothing is logged.
    """

    def __init__(self, root: Path, params: Params, condition: Condition, device: str, on: bool = True) -> None:
        self.root, self.params, self.condition, self.device, self.on = root, params, condition, device, on
        self.runs: dict[tuple[int, int], str] = {}
        self.record: Any = None
        self.monitor: Any = None

    @_forgiving
    def start(self, updates: int, seed: int, chosen: Trial) -> None:
        """Begin the run of a budget and seed."""
        if self.record is None:
            self.record = Record(self.root, self.params, self.condition.dataset)
            self.record.end_interrupted(self.condition)
        self.runs[updates, seed] = self.record.start(self.condition, updates, seed, chosen, self.device)
        self.watch_machine(self.runs[updates, seed])

    @_forgiving
    def log(self, updates: int, seed: int, rows: Sequence[Row]) -> None:
        """Log rows of a run's history: `<split>/<task>/<metric>` at their update."""
        self.record.log(self.runs[updates, seed], rows)

    @_forgiving
    def finish(self, at: Callable[[int], Run]) -> None:
        """Finish the condition's runs, once its files are whole, and name them by their results at each budget."""
        for (updates, seed), run in self.runs.items():
            self.record.finish(run, at(updates), seed)
        self.runs.clear()

    @_forgiving
    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.watch_machine(None)
        if kind:
            for run in self.runs.values():
                self.record.client.set_terminated(run, "FAILED" if issubclass(kind, Exception) else "KILLED")

    def watch_machine(self, run: str | None) -> None:
        """From now on log the machine's load to this run, if that was asked for; None stops it."""
        monitor, self.monitor = self.monitor, None
        if monitor is not None:
            monitor.finish()
        if run is not None and os.environ.get(ASKED, "").lower() in ("true", "1"):
            from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

            self.monitor = SystemMetricsMonitor(run, tracking_uri=mlflow_store.uri(self.root))
            self.monitor.start()


def _warn(error: Exception) -> None:
    reason = mlflow_store.masked(str(error).splitlines()[0]) if str(error) else type(error).__name__
    warnings.warn(f"MLflow: {reason}; training goes on, `samo track` logs the runs later", stacklevel=5)
