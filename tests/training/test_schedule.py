import pytest
import torch

from samo.training.schedule import Schedule
from samo.training.settings import Training


def rates(lr=0.5, epochs=4, steps=25, scores=None, **training):
    """The learning rate of every step."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    schedule = Schedule(optimizer, Training(batch=1, epochs=epochs, search_epochs=1, **training), epochs, steps)
    found = []
    for epoch in range(epochs):
        for _ in range(steps):
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.after_step()
        schedule.after_epoch(scores[epoch] if scores else float("nan"))
    return found


def test_constant():
    assert set(rates()) == {0.5}


def test_onecycle_goes_up_for_a_tenth_of_the_steps_then_down_to_zero():
    found = rates(schedule="onecycle")
    assert max(found) == pytest.approx(0.5)
    assert found.index(max(found)) == 9
    assert found[0] == pytest.approx(0.05)
    assert found[9:] == sorted(found[9:], reverse=True)
    assert found[-1] < 1e-9


@pytest.mark.parametrize("steps", [1, 2, 3, 10])
def test_onecycle_holds_for_any_number_of_steps(steps):
    assert len(rates(epochs=1, steps=steps, schedule="onecycle")) == steps


def test_step():
    found = rates(steps=1, schedule="step", step_epochs=2, step_factor=0.1)
    assert found == pytest.approx([0.5, 0.5, 0.05, 0.05])


@pytest.mark.parametrize(("milestones", "factor"), [([1], 0.1), ([2, 3, 7], 0.5), ([15, 30], 0.5), ([2, 4, 40], 1.0)])
def test_multistep_is_torchs(milestones, factor):
    found = rates(steps=3, epochs=8, schedule="multistep", milestones=milestones, milestone_factor=factor)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    theirs = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones, factor)
    expected = []
    for _ in range(8):
        expected += theirs.get_last_lr() * 3
        optimizer.step()
        theirs.step()
    assert found == expected


def test_multistep_drops_after_each_milestone_and_not_before():
    found = rates(steps=1, epochs=5, schedule="multistep", milestones=[1, 3], milestone_factor=0.1)
    assert found == pytest.approx([0.5, 0.05, 0.05, 0.005, 0.005])


def test_plateau_goes_down_when_the_score_stops_rising_and_not_below_its_floor():
    scores = [1, 2, 2, 2, 3, 3, 3, 3]
    found = rates(steps=1, epochs=8, scores=scores, schedule="plateau", patience=1, plateau_factor=0.1, min_lr=0.01)
    assert found == pytest.approx([0.5, 0.5, 0.5, 0.5, 0.05, 0.05, 0.05, 0.01])
