"""What is compared: a number a seed of one method on one dataset, out of the evidence."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from samo.claims.effects import Rounds
from samo.claims.evidence import Evidence


@dataclass(frozen=True)
class Measure:
    """A quantity of a run.

    Attributes:
        name: for messages: what is missing where `of` gives None.
        figure: the figure that shows it, without the dataset's name.
        of: (evidence, dataset, method) -> values by seed, or None where it was not measured.
    """

    name: str
    figure: str
    of: Callable[[Evidence, str, str], pd.Series | None]


def _delta_m(evidence: Evidence, dataset: str, method: str) -> pd.Series | None:
    return evidence.delta_m[dataset].get(method)


DELTA_M = Measure("runs", "forest", _delta_m)
"""Delta-m of the test metrics in per cent; lower is better."""


def curvature(measure: str) -> Measure:
    """A measure of the averaged loss's Hessian, the mean over data draws."""

    def of(evidence: Evidence, dataset: str, method: str) -> pd.Series | None:
        rows = _of(evidence.curvature, dataset, method, task="all", measure=measure)
        return _by_seed(rows, "value")

    return Measure("curvature", "curvature", of)


def _cosine(evidence: Evidence, dataset: str, method: str) -> pd.Series | None:
    return _by_seed(_of(evidence.history, dataset, method, split="probe", metric="cosine_mean"), "value")


COSINE = Measure("cosines", "cosine", _cosine)
"""Mean pairwise cosine of the task gradients on the fixed probe set, averaged over all epochs of training."""


def conflicts(evidence: Evidence, dataset: str, method: str) -> pd.DataFrame | None:
    """Share of mini-batches in conflict, [epoch, seed]; None where it was not counted."""
    rows = _of(evidence.history, dataset, method, split="train", task="all", metric="minibatch_conflict")
    return None if rows.empty else rows.astype({"value": float}).pivot_table("value", "epoch", "seed", dropna=False)


def _last_conflict(evidence: Evidence, dataset: str, method: str) -> pd.Series | None:
    table = conflicts(evidence, dataset, method)
    return None if table is None else table.iloc[-1]


def _conflict_rise(evidence: Evidence, dataset: str, method: str) -> pd.Series | None:
    table = conflicts(evidence, dataset, method)
    return None if table is None or len(table) < 2 else table.iloc[-1] - table.iloc[0]


LAST_CONFLICT = Measure("mini-batch conflicts", "conflict", _last_conflict)
"""Share of the last epoch's mini-batches in conflict."""
CONFLICT_RISE = Measure("mini-batch conflicts of two epochs", "conflict", _conflict_rise)
"""The same, minus the first epoch's."""


class StepTime(NamedTuple):
    """A step as a multiple of an LS step on the same network: measured, and by the count of passes."""

    time: Rounds
    passes: float


def step_time(evidence: Evidence, dataset: str, method: str) -> StepTime | None:
    """What a method's step takes; None where it was not measured."""
    rows = _of(evidence.cost, dataset, method)
    if len(rows) != 1:
        return None
    row = rows.iloc[0]
    time = Rounds(float(row["ratio"]), float(row["ratio_low"]), float(row["ratio_high"]))
    return StepTime(time, float(row["count_ratio"]))


def _of(frame: pd.DataFrame, dataset: str, method: str, **values: object) -> pd.DataFrame:
    kept = (frame["dataset"] == dataset) & (frame["method"] == method)
    for column, value in values.items():
        kept &= frame[column] == value
    return frame[kept]


def _by_seed(rows: pd.DataFrame, column: str) -> pd.Series | None:
    """The mean of each seed's rows; a value that is missing makes its seed's NaN."""
    if rows.empty:
        return None
    found: pd.Series = rows.groupby("seed")[column].agg(lambda v: v.astype(float).mean(skipna=False))
    return found
