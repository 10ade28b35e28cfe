"""What a block `training` may hold; faults as `samo check` tells them: `tests.study.config`."""

import pytest
from pydantic import ValidationError

from samo.training.settings import Training


def faults(**fields):
    with pytest.raises(ValidationError) as caught:
        Training.model_validate({"batch": 256} | fields)
    return [(fault["loc"], fault["msg"]) for fault in caught.value.errors()]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("adam", "adam"),
        ({"name": "sgd", "momentum": 0.9, "nesterov": True}, "sgd momentum=0.9 nesterov=True"),
        ({"name": "nadam", "momentum_decay": 0.1}, "nadam momentum_decay=0.1"),
    ],
)
def test_an_optimiser_is_a_name_or_a_mapping_and_is_said_as_given(given, said):
    assert str(Training.model_validate({"batch": 1, "optimizer": given}).optimizer) == said


def test_evaluations_are_spread_or_listed_and_the_end_is_always_one():
    for given, updates, at in (
        (3, 300, [100, 200, 300]),
        (3, 10, [4, 7, 10]),
        (5, 2, [1, 2]),
        ([10, 50, 200], 100, [10, 50, 100]),
    ):
        assert Training(batch=1, evaluations=given).evaluated_at(updates) == at


@pytest.mark.parametrize(
    ("fields", "field", "told"),
    [
        ({"optimizer": "adamw"}, ("optimizer", "name"), "'adam', 'nadam' or 'sgd'"),
        ({"optimizer": {"name": "adam", "momentum": 0.9}}, ("optimizer", "momentum"), "sgd only, here it is adam"),
        ({"optimizer": {"name": "sgd", "nesterov": True}}, ("optimizer", "nesterov"), "momentum above 0"),
        ({"schedule": "multistep"}, ("milestones",), "at least one"),
        ({"schedule": "multistep", "milestones": [30, 15]}, ("milestones",), "ascending, each value once"),
        ({"schedule": "step", "milestones": [15]}, ("milestones",), "schedule multistep only, here it is step"),
    ],
)
def test_one_fault_is_told_once_at_its_field(fields, field, told):
    [(place, message)] = faults(**fields)
    assert place == field
    assert told in message
