"""What the update refuses, and degenerate losses that have an answer."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torchjd.aggregation import MGDA, UPGrad
from torchjd.scalarization import UW

from samo import MultiTaskUpdate, aggregation
from samo.optim.closures import Closure
from samo.optim.sharpness import PRESETS
from tests.problems import grads, problem, update_of

TRAITS: dict[str, Any] = {"batchnorm": True, "dropout": 0.3, "branches": True}


def test_a_wrong_closure_is_told_so() -> None:
    case = problem(3)
    update = update_of(case)
    wrongs: list[tuple[Closure, str]] = [
        (lambda tasks: case.closure(tasks)[:2], "gave 2 losses"),
        (lambda tasks: torch.stack(case.closure(tasks)).sum(), "one number"),
        (lambda tasks: [loss.repeat(2) for loss in case.closure(tasks)], r"task 0 is of shape \(2,\)"),
    ]
    for wrong, match in wrongs:
        with pytest.raises(ValueError, match=match):
            update.backward(wrong)
    with pytest.raises(ValueError, match="no loss depends"):
        update_of(case, "ls", "gsam").backward(lambda tasks: [torch.ones(()) for _ in tasks])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("when", [1, 2])
def test_a_loss_that_is_no_number_names_its_task(when: int, bad: float) -> None:
    case = problem(3)
    calls = 0

    def closure(tasks: Sequence[int]) -> list[Tensor]:
        nonlocal calls
        calls += 1
        found = case.closure(tasks)
        return [loss * bad if i == 2 and calls >= when else loss for i, loss in zip(tasks, found, strict=True)]

    with pytest.raises(FloatingPointError, match="task 2 is"):
        update_of(case, "ls", "gsam", raise_nonfinite=True).backward(closure)
    assert all(grad is None for grad in grads(case.network))


@pytest.mark.parametrize("aggregator", ["ls", "uw", "mgda", "pcgrad", "imtl-g", "nash-mtl", "upgrad", "config"])
@pytest.mark.parametrize("name", PRESETS)
def test_a_task_without_gradient_is_a_row_of_zeros(name: str, aggregator: str) -> None:
    case = problem(3)

    def closure(tasks: Sequence[int]) -> list[Tensor]:
        found = case.closure(tasks)
        return [loss.detach() if i == 1 else loss for i, loss in zip(tasks, found, strict=True)]

    update_of(case, aggregator, name).backward(closure)
    assert all(p.grad is None or not p.grad.any() for p in case.network.heads[1].parameters())
    assert all(g.isfinite().all() for g in grads(case.network) if g is not None)


@pytest.mark.parametrize(
    "aggregator", ["ls", "mgda", "pcgrad", "fairgrad", "nash-mtl", "upgrad", "aligned-mtl", "config"]
)
def test_no_gradient_at_all_gives_zeros(aggregator: str) -> None:
    case = problem(2)
    losses = lambda tasks: [0 * loss + 1 for loss in case.closure(tasks)]  # noqa: E731
    update_of(case, aggregator, "samo").backward(losses)
    assert not any(g.any() for g in grads(case.network) if g is not None)


def test_parts_that_overlap_are_refused() -> None:
    case = problem(2)
    heads = case.network.heads
    with pytest.raises(ValueError, match="head 1 holds weight, a parameter of head 0"):
        MultiTaskUpdate(case.network.trunk, [heads[0], heads[0]])
    with pytest.raises(ValueError, match="no heads"):
        MultiTaskUpdate(case.network.trunk, [])
    with pytest.raises(ValueError, match="no parameters"):
        MultiTaskUpdate([], heads)
    case.network.trunk.requires_grad_(False)
    with pytest.raises(ValueError, match="frozen"):
        update_of(case).backward(case.closure)


def test_an_aggregator_for_another_number_of_tasks_is_refused() -> None:
    case = problem(3)
    preferring_two = UPGrad(pref_vector=torch.ones(2))
    for wrong in (UW(2), aggregation.make("nash-mtl", tasks=2), aggregation.make("famo", tasks=4), preferring_two):
        with pytest.raises(ValueError, match="heads"):
            update_of(case, wrong)
    with pytest.raises(ValueError, match="two tasks"):
        update_of(problem(1), "nash-mtl")
    update_of(case, MGDA()).backward(case.closure)
