"""Which epoch's test values count: fixed beforehand, and never by test values."""

from collections.abc import Sequence
from statistics import fmean

from samo.training.loop import Row, values_of
from samo.training.problem import Problem, Values
from samo.training.settings import Training


def reported(problem: Problem, history: Sequence[Row], training: Training) -> Values:
    """The test values of a training that count, by `training.reported`.

    Args:
        problem: gives the validation score.
        history: every epoch's rows for "val" and "test".
        training: "last", "best" (the first of the best validation score) or "mean-of-last" epochs.
    """
    epochs = sorted({row.epoch for row in history if row.split == "test"})
    if training.reported == "best":
        best = max(epochs, key=lambda epoch: (problem.score(values_of(history, "val", epoch)), -epoch))
        return values_of(history, "test", best)
    if training.reported == "mean-of-last":
        last = [values_of(history, "test", epoch) for epoch in epochs[-training.last_epochs :]]
        return {task: {name: fmean(v[task][name] for v in last) for name in last[0][task]} for task in last[0]}
    return values_of(history, "test")
