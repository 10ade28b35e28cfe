"""What a step fills, as its user sees it."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from samo import MultiTaskUpdate, aggregation, preset, task_gradients
from samo.optim.sharpness import PRESETS
from tests.problems import Problem, grads, problem, update_of

TRAITS: dict[str, Any] = {"batchnorm": True, "dropout": 0.3, "branches": True}


def test_gradients_accumulate() -> None:
    case = problem(3)
    update = update_of(case, "mgda", "gsam")
    update.backward(case.closure)
    once = grads(case.network)
    update.backward(case.closure)
    for one, two in zip(once, grads(case.network), strict=True):
        assert one is not None
        assert two is not None
        torch.testing.assert_close(two, 2 * one)


@pytest.mark.parametrize("aggregator", ["ls", "mgda"])
@pytest.mark.parametrize("name", PRESETS)
def test_gradients_are_one_tensor_a_parameter(name: str, aggregator: str) -> None:
    """Two parameters whose gradients autograd hands out as one tensor must not be scaled twice by clipping."""
    a, b, c, d = (nn.Parameter(torch.ones(3)) for _ in range(4))
    update = MultiTaskUpdate([a, b], [[c, d]], aggregator=aggregator, sharpness=preset(name))
    update.backward(lambda tasks: [((a + b) * (c + d)).sum()])
    for one, other in ((a, b), (c, d)):
        assert one.grad is not None
        assert other.grad is not None
        before = other.grad.clone()
        one.grad.mul_(0)
        assert torch.equal(other.grad, before)


@pytest.mark.parametrize("aggregator", ["ls", "mgda"])
@pytest.mark.parametrize("name", PRESETS)
def test_what_no_task_uses_and_what_is_frozen_gets_no_gradient(name: str, aggregator: str) -> None:
    case = problem(3, branches=True)
    case.network.trunk.register_module("unused", nn.Linear(2, 2, dtype=torch.float64))
    case.network.trunk.second.requires_grad_(False)
    case.network.heads[1].requires_grad_(False)
    update_of(case, aggregator, name).backward(case.closure)
    for part in ("unused", "second"):
        assert all(p.grad is None for p in case.network.trunk.get_submodule(part).parameters())
    assert all(p.grad is None for p in case.network.heads[1].parameters())
    assert case.network.trunk.first.weight.grad is not None


@pytest.mark.parametrize("name", PRESETS)
def test_every_task_may_have_its_own_batch(name: str) -> None:
    case = problem(3, batchnorm=True)
    inputs = torch.randn(3, 8, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))

    def closure(tasks: Sequence[int]) -> list[Tensor]:
        return [case.network(inputs[i], [i])[0].square().mean() for i in tasks]

    losses = update_of(case, "mgda", name).backward(closure)
    assert losses.shape == (3,)
    assert case.network.batchnorm.num_batches_tracked == 3


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", PRESETS)
def test_autocast_belongs_to_the_closure(name: str, dtype: torch.dtype) -> None:
    case = problem(2, batchnorm=True, dtype=torch.float32)

    def closure(tasks: Sequence[int]) -> list[Tensor]:
        with torch.autocast("cpu", dtype):
            outputs = case.network(case.x, tasks)
        return [F.mse_loss(out.float(), case.y[i]) for i, out in zip(tasks, outputs, strict=True)]

    update_of(case, "mgda", name).backward(closure)
    for grad in grads(case.network):
        assert grad is not None
        assert grad.dtype == torch.float32
        assert grad.isfinite().all()


def test_a_scalariser_makes_no_second_backward_pass() -> None:
    for aggregator in aggregation.SCALARISERS:
        case = problem(5)
        passes: list[int] = []

        def closure(tasks: Sequence[int], case: Problem = case, passes: list[int] = passes) -> list[Tensor]:
            features = case.network.trunk.first(case.x)
            features.register_hook(lambda grad: passes.append(1))
            return [F.mse_loss(case.network.heads[i](features[:, :4]), case.y[i]) for i in tasks]

        update_of(case, aggregator).backward(closure)
        assert len(passes) == 1, aggregator


def test_heads_of_a_scalariser_follow_the_scalarised_loss() -> None:
    case = problem(2)
    update_of(case, "mean").backward(case.closure)
    found = grads(case.network.heads)
    case.network.zero_grad()
    torch.autograd.backward(torch.stack(case.closure([0, 1])).mean())
    for mine, wanted in zip(found, grads(case.network.heads), strict=True):
        assert mine is not None
        assert wanted is not None
        torch.testing.assert_close(mine, wanted)


def test_the_record_has_the_cosines_of_the_task_gradients() -> None:
    case = problem(3)
    update = update_of(case, "mgda")
    update.backward(case.closure)
    J = task_gradients(case.closure, case.network.trunk, range(3))
    assert update.last is not None
    assert update.last.cosines is not None
    torch.testing.assert_close(update.last.cosines, F.normalize(J) @ F.normalize(J).T)
    ls = update_of(case, "ls")
    ls.backward(case.closure)
    assert ls.last is not None
    assert ls.last.cosines is None


def test_losses_are_clean_detached_and_in_order() -> None:
    case = problem(3, batchnorm=True, dropout=0.3)
    torch.manual_seed(0)
    losses = update_of(case, "mgda", "samo").backward(case.closure)
    torch.manual_seed(0)
    torch.testing.assert_close(losses, torch.stack(case.closure([0, 1, 2])).detach(), rtol=0, atol=0)
    assert not losses.requires_grad


def test_trunk_and_heads_may_be_parameters() -> None:
    one, other = problem(3, batchnorm=True), problem(3, batchnorm=True)
    update_of(one, "mgda", "samo").backward(one.closure)
    network = other.network
    MultiTaskUpdate(
        network.trunk.parameters(),
        [head.parameters() for head in network.heads],
        aggregator="mgda",
        sharpness=preset("samo"),
        generator=torch.Generator().manual_seed(0),
        network=network,
    ).backward(other.closure)
    for mine, wanted in zip(grads(other.network), grads(one.network), strict=True):
        assert mine is not None
        assert wanted is not None
        assert torch.equal(mine, wanted)
    assert torch.equal(
        network.state_dict()["trunk.norm.running_var"], one.network.state_dict()["trunk.norm.running_var"]
    )


def test_random_directions_have_a_stream_of_their_own() -> None:
    found = []
    for seed in (1, 1, 2):
        case = problem(2)
        update = update_of(case, "ls", "placebo", generator=torch.Generator().manual_seed(seed))
        torch.manual_seed(0)
        update.backward(case.closure)
        found.append(torch.cat([g.flatten() for g in grads(case.network) if g is not None]))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
