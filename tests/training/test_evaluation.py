from types import SimpleNamespace
from typing import Any

import pytest

from samo.training.evaluation import reported
from samo.training.loop import Row
from samo.training.settings import Training

PROBLEM: Any = SimpleNamespace(score=lambda values: values["one"]["accuracy"])
VAL, TEST = [10.0, 30.0, 30.0, 20.0], [1.0, 2.0, 9.0, 4.0]
HISTORY = [
    Row(update, split, "one", "accuracy", value)
    for split, values in (("val", VAL), ("test", TEST))
    for update, value in enumerate(values, 1)
]


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ({"reported": "last"}, 4.0),
        ({"reported": "best"}, 2.0),
        ({"reported": "mean-of-last", "last_evaluations": 2}, 6.5),
    ],
)
def test_the_evaluation_that_counts_goes_by_validation_alone(rule, value):
    training = Training(batch=1, **rule)
    assert reported(PROBLEM, HISTORY, training) == {"one": {"accuracy": value}}
