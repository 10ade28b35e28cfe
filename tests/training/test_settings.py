"""What a block `training` may hold; how a fault is told in params.yaml is in `tests.study.config.test_config`."""

import pytest
from pydantic import ValidationError

from samo.training.settings import Training

BASE = {"batch": 256, "epochs": 100, "search_epochs": 1}
EVERY_15 = [15, 30, 45, 60, 75, 90]


def faults(**fields):
    with pytest.raises(ValidationError) as caught:
        Training.model_validate(BASE | fields)
    return [(fault["loc"], fault["msg"]) for fault in caught.value.errors()]


def test_adam_at_a_constant_rate_by_default():
    training = Training.model_validate(BASE)
    assert (training.optimizer, training.momentum, training.schedule, training.milestones) == (
        "adam",
        0,
        "constant",
        [],
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"optimizer": "sgd", "momentum": 0.9, "schedule": "multistep", "milestones": EVERY_15, "milestone_factor": 0.5},
        {"schedule": "multistep", "milestones": [10, 20], "milestone_factor": 0.1, "epochs": 20},
    ],
    ids=["LeNet", "ResNet"],
)
def test_paretomtl_can_be_written(fields):
    """METHODS.md 8.5; the milestone of the last epoch is theirs, though nothing comes after it."""
    training = Training.model_validate(BASE | fields)
    assert training.model_dump(include=set(fields)) == fields


def test_sgd_needs_no_momentum_and_adam_may_say_that_it_has_none():
    assert Training.model_validate(BASE | {"optimizer": "sgd"}).momentum == 0
    assert Training.model_validate(BASE | {"optimizer": "adam", "momentum": 0.0}).optimizer == "adam"


@pytest.mark.parametrize(
    ("fields", "field", "told"),
    [
        ({"optimizer": "adamw"}, "optimizer", "'adam' or 'sgd'"),
        ({"momentum": 0.9}, "momentum", "optimizer sgd only, here it is adam"),
        ({"optimizer": "adam", "momentum": 0.9}, "momentum", "optimizer sgd only"),
        ({"optimizer": "sgd", "momentum": 1.0}, "momentum", "less than 1"),
        ({"optimizer": "sgd", "momentum": -0.1}, "momentum", "greater than or equal to 0"),
        ({"schedule": "multistep"}, "milestones", "at least one epoch"),
        ({"schedule": "multistep", "milestones": []}, "milestones", "at least one epoch"),
        ({"schedule": "multistep", "milestones": [30, 15]}, "milestones", "ascending, each epoch once"),
        ({"schedule": "multistep", "milestones": [15, 15]}, "milestones", "ascending, each epoch once"),
        ({"schedule": "multistep", "milestones": [15], "milestone_factor": 0.0}, "milestone_factor", "greater than 0"),
        ({"schedule": "step", "milestones": [15]}, "milestones", "schedule multistep only, here it is step"),
    ],
)
def test_one_fault_is_told_once_at_its_field(fields, field, told):
    [(place, message)] = faults(**fields)
    assert place == (field,)
    assert told in message


def test_a_milestone_is_an_epoch():
    for bad in (0, 1.5):
        [(place, _)] = faults(schedule="multistep", milestones=[bad])
        assert place == ("milestones", 0)


@pytest.mark.parametrize("fields", [{"schedule": "steps", "milestones": [3]}, {"optimizer": "sdg", "momentum": 0.9}])
def test_a_misspelt_choice_is_the_only_fault(fields):
    [(place, _)] = faults(**fields)
    assert place == (next(iter(fields)),)
