"""MLflow as a view of the results, live while a condition trains; never their source (`rebuild` has data/runs)."""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from samo.results.tables import Run
from samo.study.config import Params
from samo.study.config.conditions import Condition
from samo.study.tracking import mlflow_store, record
from samo.training.loop import Row
from samo.training.search import Trial

ASKED = "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"  # MLflow's own switch: log what the machine is doing


def prepare(root: Path, params: Params) -> None:
    """Create the store and its experiments once, before several processes open it; warn if MLflow is unreachable."""
    try:
        client = mlflow_store.connect(root)
        for dataset in params.datasets:
            mlflow_store.experiment(client, root, dataset)
    except Exception as error:  # whatever fails in the view, the results come first
        _warn(error)


class Live:
    """Logs a condition's runs live. If MLflow is unreachable, training goes on, and `samo track` catches up later.

    A context manager: runs that are unfinished at its end, because something was raised, are marked as failed, or as
    killed if the user stopped the training. Those left by a killed process are marked when the next one begins.
    """

    def __init__(self, root: Path, params: Params, condition: Condition, device: str) -> None:
        self.root, self.params, self.condition, self.device = root, params, condition, device
        self.runs: dict[tuple[int, int], str] = {}
        self.record: record.Record | None = None
        self.monitor: Any = None

    def __enter__(self) -> "Live":
        with self._forgiving():
            client = mlflow_store.connect(self.root)
            experiment = mlflow_store.experiment(client, self.root, self.condition.dataset)
            record.end_interrupted(client, experiment, self.condition.name)
            self.record = record.Record(client, experiment, self.root, self.params, self.condition)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._forgiving():
            self._watch_machine(None)
        if kind and self.record is not None:
            for run in self.runs.values():
                with self._forgiving():  # one by one: a run that cannot be marked must not keep others from it
                    self.record.client.set_terminated(run, "FAILED" if issubclass(kind, Exception) else "KILLED")

    def start(self, updates: int, seed: int, chosen: Trial) -> Callable[[list[Row]], None]:
        """Begin the run of a budget and seed; returns a logger of rows: `<split>/<task>/<metric>` at their update."""
        with self._forgiving():
            if self.record is not None:
                self.runs[updates, seed] = self.record.start(updates, seed, chosen, self.device)
                self._watch_machine(self.runs[updates, seed])

        def log(rows: list[Row]) -> None:
            with self._forgiving():
                if self.record is not None:
                    record.log_values(self.record.client, self.runs[updates, seed], record.named(rows))

        return log

    def finish(self, at: Callable[[int], Run]) -> None:
        """Finish the condition's runs, once its files are whole, and name them by their results at each budget."""
        with self._forgiving():
            self._watch_machine(None)
            for (updates, seed), run in self.runs.items():
                if self.record is not None:
                    self.record.finish(run, at(updates), seed)
        self.runs.clear()

    def _watch_machine(self, run: str | None) -> None:
        """From now on log the machine's load to this run, if that was asked for; None stops it."""
        monitor, self.monitor = self.monitor, None
        if monitor is not None:
            monitor.finish()
        if run is not None and os.environ.get(ASKED, "").lower() in ("true", "1"):
            from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

            self.monitor = SystemMetricsMonitor(run, tracking_uri=mlflow_store.uri(self.root))
            self.monitor.start()

    @contextmanager
    def _forgiving(self) -> Iterator[None]:
        """After the first fault, stop logging: a single warning, and a single wait."""
        try:
            yield
        except Exception as error:  # whatever fails in the view, the results come first
            self.record = None
            _warn(error)


def _warn(error: Exception) -> None:
    reason = mlflow_store.masked(str(error).splitlines()[0]) if str(error) else type(error).__name__
    warnings.warn(f"MLflow: {reason}; training goes on, `samo track` logs the runs later", stacklevel=5)
