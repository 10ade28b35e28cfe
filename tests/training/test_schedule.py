import pytest
import torch

from samo.training.schedule import Schedule, make_optimizer
from samo.training.settings import Named, Training


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
