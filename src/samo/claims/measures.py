"""What is compared: a number a seed of one method on one dataset, out of the evidence."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

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


DELTA_M = Measure("runs", "forest", lambda evidence, dataset, method: evidence.delta_m[dataset].get(method))
"""Delta-m of the test metrics in per cent; lower is better."""


def curvature(measure: str) -> Measure:
    """A measure of the averaged loss's Hessian, the mean over data draws."""

    def of(evidence: Evidence, dataset: str, method: str) -> pd.Series | None:
        return _by_seed(_of(evidence.curvature, dataset, method, task="all", measure=measure))

    return Measure("curvature", "curvature", of)


LAMBDA_MAX = curvature("lambda_max")


def _cosine(evidence: Evidence, dataset: str, method: str) -> pd.Series | None:
    return _by_seed(_of(evidence.last.history, dataset, method, split="probe", metric="cosine_mean"))


COSINE = Measure("cosines", "cosine", _cosine)
"""Mean pairwise cosine of the task gradients on the fixed probe set, averaged over all evaluations of training."""


def _conflict_change(evidence: Evidence, dataset: str, method: str) -> pd.Series | None:
    rows = _of(evidence.last.history, dataset, method, split="train", task="all", metric="minibatch_conflict")
    table = rows.astype({"value": float}).pivot_table("value", "update", "seed", dropna=False)
    if len(table) < 2:
        return None
    updates = table.index.to_numpy(float)
    slope = np.polyfit(updates, table.to_numpy(), 1)[0]
    return pd.Series(slope * (updates[-1] - updates[0]), index=table.columns)


CONFLICT_CHANGE = Measure("mini-batch conflicts of two evaluations", "conflict", _conflict_change)
"""By how much the share of mini-batches in conflict changes over training: slope times length."""


class StepTime(NamedTuple):
    """A step as a multiple of an LS step on the same network: median and quartiles of rounds, and count of passes."""

    rounds: tuple[float, float, float]
    passes: float


def step_time(evidence: Evidence, dataset: str, method: str) -> StepTime | None:
    """What a method's step takes; None where it was not measured."""
    rows = _of(evidence.cost, dataset, method)
    if len(rows) != 1:
        return None
    row = rows.iloc[0]
    return StepTime((float(row["ratio"]), float(row["ratio_low"]), float(row["ratio_high"])), float(row["count_ratio"]))


def _of(frame: pd.DataFrame, dataset: str, method: str, **values: object) -> pd.DataFrame:
    kept = (frame["dataset"] == dataset) & (frame["method"] == method)
    for column, value in values.items():
        kept &= frame[column] == value
    return frame[kept]


def _by_seed(rows: pd.DataFrame) -> pd.Series | None:
    """The mean of each seed's rows; a value that is missing makes its seed's NaN."""
    if rows.empty:
        return None
    found: pd.Series = rows.groupby("seed")["value"].agg(lambda v: v.astype(float).mean(skipna=False))
    return found
