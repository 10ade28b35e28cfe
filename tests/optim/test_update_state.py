"""What the update carries from step to step: learned weights, running means, checkpoints, every k-th step."""

import copy
import io
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from samo import aggregation
from tests.problems import Snapshot, grads, problem, train, update_of

TRAITS: dict[str, Any] = {"batchnorm": True, "dropout": 0.3, "branches": True}


@pytest.mark.parametrize(
    ("name", "aggregator"),
    [("fmtl-second", a) for a in aggregation.NAMES]
    + [(n, a) for n in ("none", "gsam", "samo-shared", "fmtl-each", "msam", "friendly") for a in ("dwa", "gradvac")],
)
def test_a_resumed_run_is_the_run(name: str, aggregator: str) -> None:
    fields: dict[str, Any] = {} if name == "none" else {"every": 2}
    options: dict[str, Any] = {"dwa": {"window": 2}, "nash-mtl": {"update_weights_every": 3}}.get(aggregator, {})
    case = problem(3, **TRAITS)
    update = update_of(case, aggregation.make(aggregator, tasks=3, **options), name, **fields)
    torch.manual_seed(4)
    train(case, update, 5)
    kept = io.BytesIO()
    torch.save(update.state_dict(), kept)
    kept.seek(0)
    twin = copy.deepcopy(case)
    resumed = update_of(twin, aggregation.make(aggregator, tasks=3, **options), name, **fields)
    resumed.load_state_dict(torch.load(kept))
    random = torch.get_rng_state()
    train(case, update, 3)
    torch.set_rng_state(random)
    train(twin, resumed, 3)
    for p, q in zip(case.network.parameters(), twin.network.parameters(), strict=True):
        assert torch.equal(p, q)


def test_a_state_of_another_kind_is_refused() -> None:
    kept = update_of(problem(3), "uw").state_dict()
    for aggregator, tasks, name in (("uw", 2, "none"), ("nash-mtl", 3, "none"), ("mgda", 3, "fmtl")):
        with pytest.raises(ValueError, match="state"):
            update_of(problem(tasks), aggregator, name).load_state_dict(kept)


def test_learned_weights_learn() -> None:
    for aggregator in ("uw", "imtl-l"):
        case = problem(3)
        update = update_of(case, aggregator, "gsam")
        before = [p.clone() for p in update.parameters()]
        train(case, update, 2)
        assert all((p != q).all() for p, q in zip(update.parameters(), before, strict=True))


def test_famo_learns_from_the_batch_after_the_step() -> None:
    case = problem(3, **TRAITS)
    update = update_of(case, "famo", "gsam")
    assert list(update.parameters()) == []
    train(case, update, 2)
    (logits,) = update.aggregator.parameters()
    assert len(set(logits.tolist())) == 3
    update.backward(case.closure)
    with pytest.raises(RuntimeError, match="after_step"):
        update.backward(case.closure)
    before = Snapshot.of(case.network)
    update.after_step(case.closure)
    before.assert_equal(Snapshot.of(case.network))
    with pytest.raises(RuntimeError, match="backward"):
        update.after_step(case.closure)


def test_layers_may_be_frozen_and_freed_between_steps() -> None:
    for name in ("msam", "friendly", "samo-sampled"):
        case = problem(2)
        update = update_of(case, "mgda", name, every=2)
        for frozen in (True, False, True, False):
            case.network.trunk.first.requires_grad_(not frozen)
            train(case, update, 1)


def test_only_every_kth_step_is_sharp() -> None:
    case = problem(2)
    calls: list[int] = []
    update = update_of(case, "ls", "gsam", every=3)

    def closure(tasks: Sequence[int]) -> list[Tensor]:
        calls[-1] += 1
        return case.closure(tasks)

    for _ in range(7):
        calls.append(0)
        update.backward(closure)
    assert calls == [2, 1, 1, 2, 1, 1, 2]


def test_looksam_adds_the_flat_part_between() -> None:
    """One task: a plain step is g + reuse ||g|| / ||f|| f, f the last SAM gradient's part orthogonal to its g."""
    case = problem(1)
    update = update_of(case, "ls", "gsam", every=2, reuse=0.7)

    def flat(part: nn.Module) -> Tensor:
        return torch.cat([p.grad.flatten() for p in part.parameters() if p.grad is not None])

    twin = copy.deepcopy(case)
    update_of(twin).backward(twin.closure)
    update.backward(case.closure)
    wanted = []
    for clean, sharp in zip(twin.network.children(), case.network.children(), strict=True):
        g, s = flat(clean), flat(sharp)
        f = s - (s @ g) / (g @ g) * g
        wanted.append(g + 0.7 * g.norm() / f.norm() * f)
    case.network.zero_grad()
    update.backward(case.closure)
    for part, expected in zip(case.network.children(), wanted, strict=True):
        torch.testing.assert_close(flat(part), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["lookback", "msam", "friendly"])
def test_what_is_remembered_is_not_what_the_user_overwrites(name: str) -> None:
    """Clipping and zeroing in place happen to `.grad`, not to the memory."""
    found = []
    for in_place in (False, True):
        case = problem(2)
        update = update_of(case, "mgda", name)
        for _ in range(3):
            case.network.zero_grad(set_to_none=not in_place)
            update.backward(case.closure)
        found.append(grads(case.network))
    for mine, other in zip(*found, strict=True):
        assert mine is not None
        assert other is not None
        assert torch.equal(mine, other)


def test_famo_sees_no_change_where_there_was_no_step() -> None:
    """The losses before and after are compared under one dropout mask."""
    case = problem(3, **TRAITS)
    update = update_of(case, "famo")
    update.backward(case.closure)
    torch.rand(7)  # the loop may draw between
    update.after_step(case.closure)
    (logits,) = update.aggregator.parameters()
    assert not logits.any()
