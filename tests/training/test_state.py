"""A training that was stopped after a pass and went on is the training that was not, bit for bit."""

import dataclasses
import io
import math
from typing import Any

import pytest
import torch

from samo.optim.sharpness import preset
from samo.training.loop import DivergedError, Fit, Row, fit
from samo.training.problem import Problem
from samo.training.settings import Named
from samo.training.state import State, StateError
from tests.problems import same
from tests.training.learnable import recipe

SPLITS = ("val", "test")


def states(problem: Problem, plan: Any, **more: Any) -> tuple[Fit, list[State]]:
    """A whole training, and what it was after each pass, as it comes back from a file."""
    kept: list[State] = []

    def keep(make: Any) -> None:
        file = io.BytesIO()
        torch.save(make(), file)
        file.seek(0)
        kept.append(torch.load(file, weights_only=True))

    return fit(problem, plan, SPLITS, keep=keep, **more), kept


@pytest.mark.parametrize(
    ("fields", "along"),
    [
        ({"optimizer": Named(name="sgd", momentum=0.9)}, True),
        ({"sharpness": preset("samo", rho=0.01), "schedule": "onecycle", "conflict_batches": 2}, True),
        ({"sharpness": preset("samo", every=2), "aggregator": "famo", "schedule": "step", "step_updates": 3}, True),
        (
            {"sharpness": preset("samo-sampled", layers=["random:1"]), "aggregator": "uw"}
            | {"schedule": "multistep", "milestones": [6]},
            True,
        ),
        ({"sharpness": preset("msam"), "aggregator": "dwa", "schedule": "plateau", "patience": 0}, True),
        ({"sharpness": preset("fmtl-each", rho=0.01), "aggregator": "gradvac"}, True),
        ({"sharpness": preset("friendly", rho=0.01), "aggregator": "graddrop", "clip": 0.1}, True),
        ({"separate": True}, True),
        ({}, False),
    ],
)
def test_from_every_pass_on(problem: Problem, fields: dict[str, Any], along: bool) -> None:
    plan = recipe(**{"updates": 14, "evaluations": 3} | fields)
    whole, kept = states(problem, plan, along=along)
    assert len(kept) == 4
    for done, state in zip((4, 8, 12, 14), kept, strict=True):
        told: list[list[Row]] = []
        torch.manual_seed(99)  # another process
        other = fit(problem, plan, SPLITS, on_rows=told.append, resume=state, along=along)
        assert {row.update for row in told[0]} == {n for n in (5, 10, 14) if n <= done}
        assert [row for rows in told for row in rows] == other.history == whole.history
        assert other.layers == whole.layers
        same(list(other.network.state_dict().values()), list(whole.network.state_dict().values()))


SPOILT: dict[str, Any] = {"network": {}, "order": 3, "streams": None, "history": 1, "losses": (), "layers": [()]}


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        ({"aggregator": "uw"}, {}),
        ({"optimizer": "sgd"}, {}),
        ({"schedule": "onecycle"}, {}),
        ({"sharpness": preset("fmtl-each", rho=0.01), "aggregator": "mgda"}, {}),
        ({}, None),
        *(({}, {name: value}) for name, value in SPOILT.items()),
    ],
)
def test_what_is_not_the_state_of_this_training_is_refused(
    problem: Problem, fields: dict[str, Any], changes: dict[str, Any] | None
) -> None:
    _, kept = states(problem, recipe())
    with pytest.raises(StateError) as said:
        fit(problem, recipe(**fields), SPLITS, resume={} if changes is None else kept[0] | changes)
    assert "\n" not in str(said.value)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_breaks_names_task_and_update(problem: Problem, bad: float) -> None:
    calls = 0

    def loss(task: int, output: Any, batch: Any) -> Any:
        nonlocal calls
        calls += torch.is_grad_enabled() and task == 1
        return problem.loss(task, output, batch) * (bad if calls == 6 and task == 1 else 1.0)

    broken = dataclasses.replace(problem, loss=loss)
    with pytest.raises(DivergedError, match=rf"^the loss of two is {bad} \(update 6\): lower lr or rho"):
        fit(broken, recipe(separate=True), ("val",), along=False)


def test_weights_that_break_in_the_last_step_are_found_too(problem: Problem) -> None:
    broken = dataclasses.replace(
        problem, loss=lambda i, o, b: problem.loss(i, o, b) * (1.0 if torch.is_grad_enabled() else math.nan)
    )
    with pytest.raises(DivergedError, match=r"split val the loss of one is nan.*two is nan \(after update 12\)"):
        fit(broken, recipe(), ("val",), along=False)
