"""What a block `training` may hold and what comes of it; faults as `samo check` tells them: `tests.study.config`."""

import pytest
import torch
from pydantic import ValidationError

from samo.training.schedule import Schedule, make_optimizer
from samo.training.settings import Named, Training


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


def rates(updates=100, scores=(), **training):
    """The learning rate of every update; where there are scores, each is that of an evaluation after one."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    schedule = Schedule(optimizer, Training(batch=1, **training), updates)
    found = []
    for n in range(updates):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.after_update()
        if scores:
            schedule.after_evaluation(scores[n])
    return found


def test_onecycle_goes_up_for_a_tenth_of_the_updates_then_down_to_zero():
    found = rates(schedule="onecycle")
    assert max(found) == pytest.approx(0.5)
    assert found.index(max(found)) == 9
    assert found[0] == pytest.approx(0.05)
    assert found[9:] == sorted(found[9:], reverse=True)
    assert found[-1] < 1e-9
    assert [len(rates(updates=n, schedule="onecycle")) for n in (1, 2, 3)] == [1, 2, 3]


def test_step_and_multistep_drop_after_their_updates_and_not_before():
    found = rates(updates=5, schedule="step", step_updates=2, step_factor=0.1)
    assert found == pytest.approx([0.5, 0.5, 0.05, 0.05, 0.005])
    found = rates(updates=5, schedule="multistep", milestones=[1, 3, 40], milestone_factor=0.1)
    assert found == pytest.approx([0.5, 0.05, 0.05, 0.005, 0.005])


def test_plateau_goes_down_when_the_score_stops_rising_and_not_below_its_floor():
    scores = [1, 2, 2, 2, 3, 3, 3, 3]
    found = rates(updates=8, scores=scores, schedule="plateau", patience=1, plateau_factor=0.1, min_lr=0.01)
    assert found == pytest.approx([0.5, 0.5, 0.5, 0.5, 0.05, 0.05, 0.05, 0.01])


@pytest.mark.parametrize(
    ("kind", "theirs", "options"),
    [
        ({"name": "adam"}, torch.optim.Adam, {}),
        ({"name": "nadam", "momentum_decay": 0.1}, torch.optim.NAdam, {"momentum_decay": 0.1}),
        ({"name": "sgd", "momentum": 0.9, "nesterov": True}, torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    ],
)
def test_an_optimiser_is_torchs_with_its_options(kind, theirs, options):
    w = [torch.nn.Parameter(torch.zeros(1))]
    made = make_optimizer(w, 0.1, 0.01, Named(**kind))
    assert type(made) is theirs
    assert made.defaults == theirs(w, **{"lr": 0.1, "weight_decay": 0.01, **options}).defaults
