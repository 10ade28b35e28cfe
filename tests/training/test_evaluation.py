import dataclasses

import pytest

from samo.training.evaluation import reported
from samo.training.loop import Row
from samo.training.settings import Training


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ({"reported": "last"}, 4.0),
        ({"reported": "best"}, 2.0),
        ({"reported": "mean-of-last", "last_evaluations": 2}, 6.5),
    ],
)
def test_the_evaluation_that_counts_goes_by_validation_alone(problem, rule, value):
    history = [
        Row(update, split, "one", "accuracy", value)
        for split, values in (("val", [10.0, 30.0, 30.0, 20.0]), ("test", [1.0, 2.0, 9.0, 4.0]))
        for update, value in enumerate(values, 1)
    ]
    by_accuracy = dataclasses.replace(problem, score=lambda values: values["one"]["accuracy"])
    assert reported(by_accuracy, history, Training(batch=1, **rule)) == {"one": {"accuracy": value}}
