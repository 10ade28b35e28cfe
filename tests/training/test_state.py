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


def assert_same(one: Fit, other: Fit) -> None:
    assert one.history == other.history
    assert one.layers == other.layers
    same(list(one.network.state_dict().values()), list(other.network.state_dict().values()))


@pytest.mark.parametrize(
    ("aggregator", "sharpness", "fields"),
    [
        ("ls", preset("none"), {"optimizer": Named(name="sgd", momentum=0.9)}),
        ("ls", preset("samo", rho=0.01), {"schedule": "onecycle", "conflict_batches": 2}),
        ("famo", preset("samo", rho=0.01, every=2), {"schedule": "step", "step_updates": 3}),
        ("uw", preset("samo-sampled", rho=0.01, layers=["random:1"]), {"schedule": "multistep", "milestones": [6]}),
        ("dwa", preset("msam", rho=0.01), {"schedule": "plateau", "patience": 0, "plateau_factor": 0.5}),
        ("gradvac", preset("fmtl-each", rho=0.01), {}),
        ("graddrop", preset("friendly", rho=0.01), {"clip": 0.1}),
    ],
)
def test_from_every_pass_on(problem: Problem, aggregator: str, sharpness: Any, fields: dict[str, Any]) -> None:
    plan = recipe(aggregator=aggregator, sharpness=sharpness, updates=14, **{"evaluations": 3} | fields)
    whole, kept = states(problem, plan)
    assert len(kept) == 4
    for done, state in zip((4, 8, 12, 14), kept, strict=True):
        told: list[list[Row]] = []
        torch.manual_seed(99)  # another process
        assert_same(fit(problem, plan, SPLITS, on_rows=told.append, resume=state), whole)
        assert {row.update for row in told[0]} == {n for n in (5, 10, 14) if n <= done}
        assert [row for rows in told for row in rows] == whole.history


def test_of_separate_networks_and_of_a_search(problem: Problem) -> None:
    cases: list[tuple[Any, dict[str, Any]]] = [(recipe(separate=True), {}), (recipe(), {"along": False})]
    for plan, more in cases:
        whole, kept = states(problem, plan, **more)
        assert_same(fit(problem, plan, SPLITS, resume=kept[0], **more), whole)


@pytest.mark.parametrize(
    "other",
    [
        {"aggregator": "uw"},
        {"optimizer": "sgd"},
        {"schedule": "onecycle"},
        {"sharpness": preset("fmtl-each", rho=0.01), "aggregator": "mgda"},
    ],
)
def test_the_state_of_another_training_is_refused(problem: Problem, other: dict[str, Any]) -> None:
    _, kept = states(problem, recipe(aggregator="ls"))
    with pytest.raises(StateError) as said:
        fit(problem, recipe(**{"aggregator": "mgda"} | other), SPLITS, resume=kept[0])
    assert "\n" not in str(said.value)


@pytest.mark.parametrize(
    "change", [{"network": {}}, {"order": 3}, {"streams": None}, {"history": 1}, {"losses": ()}, {"layers": [()]}]
)
def test_a_state_that_is_none_is_refused(problem: Problem, change: dict[str, Any]) -> None:
    _, kept = states(problem, recipe())
    with pytest.raises(StateError):
        fit(problem, recipe(), SPLITS, resume=kept[0] | change)
    with pytest.raises(StateError):
        fit(problem, recipe(), SPLITS, resume={})


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
