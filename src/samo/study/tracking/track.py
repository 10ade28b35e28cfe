"""MLflow as a view of the results, live while a cell runs (`track_rebuild`: from data/runs); never the truth itself."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from samo.study.config import Params
from samo.study.config.conditions import Cell
from samo.study.grid import half_runs
from samo.study.tracking import store as track_store
from samo.study.tracking import view as track_view
from samo.study.tracking.machine import Machine
from samo.study.tracking.mlflow_store import connect, masked, uri
from samo.training.loop import Row
from samo.training.search import Trial

if TYPE_CHECKING:
    from mlflow import MlflowClient


def prepare(root: Path, params: Params) -> None:
    """Make the store and its experiments once, before several processes open it: a fresh one bears only one.

    Where MLflow is away that is a warning: every cell finds it out for itself.
    """
    try:
        client = connect(root, at_once=True)
        for dataset in params.datasets:
            track_store.experiment(client, root, dataset)
    except Exception as error:  # whatever ails the view, the results come first
        _warn(error)


def pages(root: Path, params: Params, address: str) -> dict[str, dict[str, str]]:
    """Dataset -> view -> where it is: MLflow itself opens on the traces of language models."""
    client = connect(root)
    ids = {name: track_store.experiment(client, root, name) for name in params.datasets}
    return {name: {key: track_view.address(address, own, key) for key in track_view.NAMES} for name, own in ids.items()}


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
        self.machine = Machine(uri(root))

    def __enter__(self) -> "Live":
        with self._forgiving():
            self.client = connect(self.root, at_once=True)
            self.experiment = track_store.experiment(self.client, self.root, self.cell.dataset)
            half_runs.end(self.client, self.experiment, self.cell.name)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._forgiving():
            self.machine.leave()
        for run in self.runs.values() if kind else ():
            with self._forgiving():
                if self.client is not None:
                    self.client.set_terminated(run, "FAILED" if issubclass(kind or type, Exception) else "KILLED")

    def start(self, seed: int) -> Callable[[list[Row]], None]:
        """Begin a seed's run; gives what logs an epoch's rows, or those of several epochs."""
        with self._forgiving():
            if self.client is not None:
                settings = (self.root, self.params, self.cell, self.chosen, seed, self.device)
                self.runs[seed] = track_store.start(self.client, self.experiment, *settings)
                self.machine.watch(self.runs[seed])

        def log(rows: list[Row]) -> None:
            with self._forgiving():
                if self.client is not None:
                    track_store.log_rows(self.client, self.runs[seed], rows)

        return log

    def finish(self, metrics: dict[str, Any]) -> None:
        """The cell's files are whole: its runs are finished, and known by what they hold."""
        with self._forgiving():
            self.machine.leave()
            for seed, run in self.runs.items() if self.client is not None else ():
                known = track_store.digest(metrics, str(seed))
                track_store.finish(self.client, self.experiment, run, self.cell, seed, known)
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
    reason = masked(str(error).splitlines()[0]) if str(error) else type(error).__name__
    warnings.warn(f"MLflow: {reason}; training goes on, `samo track` mends the view", stacklevel=5)
