"""What is compared: a number per seed of one method on one dataset, out of the evidence."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from samo.claims.evidence import Evidence


class Measure(NamedTuple):
    """A quantity of a run; `of`: (evidence, dataset, method) -> values by seed, or None where it was not measured."""

    name: str  # for messages: what is missing where `of` gives None
    figure: str  # that shows it, without the dataset's name
    of: Callable[[Evidence, str, str], pd.Series | None]


DELTA_M = Measure("runs", "forest", lambda evidence, dataset, method: evidence.delta_m[dataset].get(method))
"""Delta-m of the test metrics in per cent; lower is better."""


def mean_of(frame: str, name: str, figure: str, *, geometric: bool = False, **where: str) -> Measure:
    """The mean of a frame's rows that agree with `where`, by seed; a value that is missing makes its seed's NaN."""

    def of(evidence: Evidence, dataset: str, method: str) -> pd.Series | None:
        values = rows(getattr(evidence.last, frame), dataset, method, **where).astype({"value": float})
        if geometric:
            values["value"] = np.log(values["value"])
        found = values.groupby("seed")["value"].mean(skipna=False)
        return None if values.empty else np.exp(found) if geometric else found

    return Measure(name, figure, of)


LAMBDA_MAX = mean_of("curvature", "curvature", "curvature", task="all", measure="lambda_max")
"""Of the averaged loss's Hessian over the trunk, the mean over data draws."""
LAMBDA_RATIO = mean_of("curvature", "curvature", "curvature", task="all", measure="lambda_ratio5")
COSINE = mean_of("history", "cosines", "cosine", split="probe", metric="cosine_mean")
"""Mean pairwise cosine of the task gradients on the fixed probe set, averaged over all evaluations of training."""
TEST_LOSS = mean_of("runs", "test losses", "curves", geometric=True, metric="loss")
"""Geometric mean over the tasks, whose units may differ."""
CALIBRATION = mean_of("runs", "calibration errors", "curves", geometric=True, metric="calibration")
"""Expected calibration error, geometric mean over the tasks that classify."""


def _conflict_change(evidence: Evidence, dataset: str, method: str) -> pd.Series | None:
    found = rows(evidence.last.history, dataset, method, split="train", task="all", metric="minibatch_conflict")
    table = found.astype({"value": float}).pivot_table("value", "update", "seed", dropna=False)
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
    for row in rows(evidence.cost, dataset, method).to_dict("records"):
        if pd.notna(row["ratio"]):
            return StepTime((row["ratio"], row["ratio_low"], row["ratio_high"]), row["count_ratio"])
    return None


def rows(frame: pd.DataFrame, dataset: str, method: str, **where: object) -> pd.DataFrame:
    """Of one method, those that agree with `where`."""
    kept = (frame["dataset"] == dataset) & (frame["method"] == method)
    for column, value in where.items():
        kept &= frame[column] == value
    return frame[kept]
