"""A step leaves behind what one forward pass leaves, also when the closure raises."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from samo import MultiTaskUpdate, preset
from samo.optim.sharpness import PRESETS
from tests.problems import Problem, Snapshot, grads, problem, train, update_of

TRAITS: dict[str, Any] = {"batchnorm": True, "dropout": 0.3, "branches": True}


def noisy(case: Problem, tasks: Sequence[int]) -> list[Tensor]:
    """Losses that draw from the global generator once a task, so that a pass for fewer tasks leaves it elsewhere."""
    return [loss * (1 + torch.rand(())) for loss in case.closure(tasks)]


@pytest.mark.parametrize("aggregator", ["ls", "pcgrad"])
@pytest.mark.parametrize("name", PRESETS)
def test_a_step_leaves_what_one_forward_pass_leaves(name: str, aggregator: str) -> None:
    one, other = (problem(3, batchnorm=True, dropout=0.3, branches=True) for _ in range(2))
    one.network.trunk.first.bias.requires_grad_(False)
    other.network.trunk.first.bias.requires_grad_(False)
    update = MultiTaskUpdate(one.network.trunk, one.network.heads, aggregator=aggregator, sharpness=preset(name))
    for _ in range(2):
        torch.manual_seed(3)
        update.backward(partial(noisy, one))
        after = Snapshot.of(one.network)
        torch.manual_seed(3)
        noisy(other, range(3))
        # Without a clean pass the statistics move once too, but by what the perturbed weights give.
        Snapshot.of(other.network).assert_equal(after, but="running_" if preset(name).from_history else None)


class StopError(Exception):
    pass


@pytest.mark.parametrize("aggregator", ["uw", "mgda"])
@pytest.mark.parametrize("name", [n for n in PRESETS if n != "none"])
def test_a_closure_that_raises_leaves_no_trace(name: str, aggregator: str) -> None:
    case = problem(3, **TRAITS)
    update = update_of(case, aggregator, name)
    train(case, update, 1)
    for p in case.network.parameters():
        p.grad = torch.full_like(p, 7.0)
    calls = 0

    def failing(tasks: Sequence[int]) -> list[Tensor]:
        nonlocal calls
        calls += 1
        losses = case.closure(tasks)
        if calls == 1:
            seen.append(Snapshot.of(case.network))
        if calls == stop:
            raise StopError
        return losses

    for stop in range(1, 12):
        seen: list[Snapshot] = []
        calls = 0
        before = case.network.trunk.first.weight.clone()
        try:
            update.backward(failing)
        except StopError:
            assert torch.equal(before, case.network.trunk.first.weight)
            assert all((grad == 7).all() for grad in grads(case.network) if grad is not None)
            if not update.sharpness.from_history:
                seen[0].assert_equal(Snapshot.of(case.network))
        else:
            assert stop > calls
            return
    raise AssertionError("more passes than any preset makes")
