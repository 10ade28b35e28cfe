"""What a step fills, leaves behind, carries on and refuses."""

import copy
import io
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchjd.aggregation import MGDA, UPGrad
from torchjd.scalarization import UW

from samo import PRESETS, MultiTaskUpdate, aggregation, preset, task_gradients
from samo.optim.closures import Closure
from tests.problems import Problem, Snapshot, grads, problem, same, train, update_of

TRAITS: dict[str, Any] = {"batchnorm": True, "dropout": 0.3, "branches": True}
every_preset = pytest.mark.parametrize("name", PRESETS)


def test_gradients_accumulate() -> None:
    case = problem(3)
    update = update_of(case, "mgda", "gsam")
    update.backward(case.closure)
    once = grads(case.network)
    update.backward(case.closure)
    same(grads(case.network), [None if g is None else 2 * g for g in once], 1e-12)


@every_preset
def test_gradients_are_one_tensor_a_parameter(name: str) -> None:
    """Two parameters whose gradients autograd hands out as one tensor must not be scaled twice by clipping."""
    for aggregator in ("ls", "mgda"):
        a, b, c, d = (nn.Parameter(torch.ones(3)) for _ in range(4))
        update = MultiTaskUpdate([a, b], [[c, d]], aggregator=aggregator, sharpness=preset(name))
        update.backward(lambda tasks, own=(a, b, c, d): [((own[0] + own[1]) * (own[2] + own[3])).sum()])  # type: ignore[misc]
        for one, other in ((a, b), (c, d)):
            assert one.grad is not None
            assert other.grad is not None
            before = other.grad.clone()
            one.grad.mul_(0)
            assert torch.equal(other.grad, before)


@pytest.mark.parametrize("name", ["none", "samo-remembered"])
def test_heads_of_a_scalariser_follow_the_scalarised_loss(name: str) -> None:
    """Also where the rows of J are gathered beside it, to be remembered."""
    case = problem(2)
    update_of(case, "mean", name, rho=1e-12).backward(case.closure)
    found = grads(case.network.heads)
    case.network.zero_grad()
    torch.autograd.backward(torch.stack(case.closure([0, 1])).mean())
    same(found, grads(case.network.heads), 1e-9)


def test_the_record_has_the_cosines_of_the_task_gradients() -> None:
    case = problem(3)
    J = F.normalize(task_gradients(case.closure, case.network.trunk, range(3)))
    for aggregator, wanted in (("mgda", J @ J.T), ("ls", None)):
        update = update_of(case, aggregator)
        update.backward(case.closure)
        assert update.last is not None
        same([update.last.cosines], [wanted], 1e-10)


def test_losses_are_clean_detached_and_in_order() -> None:
    case = problem(3, batchnorm=True, dropout=0.3)
    torch.manual_seed(0)
    losses = update_of(case, "mgda", "samo").backward(case.closure)
    torch.manual_seed(0)
    same([losses], [torch.stack(case.closure([0, 1, 2])).detach()])
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
    same(grads(network), grads(one.network))
    same(list(network.state_dict().values()), list(one.network.state_dict().values()))


def test_a_wrong_closure_is_told_so() -> None:
    case = problem(3)
    update = update_of(case)
    wrongs: list[tuple[Closure, str]] = [
        (lambda tasks: case.closure(tasks)[:2], "gave 2 losses"),
        (lambda tasks: torch.stack(case.closure(tasks)).sum(), "one number"),
        (lambda tasks: [loss.repeat(2) for loss in case.closure(tasks)], r"task 0 is of shape \(2,\)"),
        (lambda tasks: dict.fromkeys(range(2), torch.ones(())), r"gave those of \[0, 1\]"),
        (lambda tasks: [torch.ones(()) for _ in tasks], "no loss depends"),
    ]
    for wrong, match in wrongs:
        with pytest.raises(ValueError, match=match):
            (update_of(case, "ls", "gsam") if match == "no loss depends" else update).backward(wrong)
    for odd, match in ((3.0, "a list, a dict by task, or a tensor"), ([3.0] * 3, "task 0 is a float")):
        with pytest.raises(TypeError, match=match):
            update.backward(lambda tasks, odd=odd: odd)  # type: ignore[misc]


@pytest.mark.parametrize("when", [1, 2])
def test_where_it_is_an_error_a_loss_that_is_no_number_names_its_task(when: int) -> None:
    case, calls = problem(3), []

    def closure(tasks: Sequence[int]) -> list[Tensor]:
        calls.append(1)
        factors = (1.0, 1.0, float("nan") if len(calls) >= when else 1.0)
        return [factors[i] * loss for i, loss in zip(tasks, case.closure(tasks), strict=True)]

    with pytest.raises(FloatingPointError, match="task 2 is"):
        update_of(case, "ls", "gsam", options={"raise_nonfinite": True}).backward(closure)
    assert all(grad is None for grad in grads(case.network))


@every_preset
def test_a_task_without_gradient_is_a_row_of_zeros(name: str) -> None:
    for aggregator in ("uw", "mgda", "imtl-g"):
        case = problem(3)

        def closure(tasks: Sequence[int], case: Problem = case) -> list[Tensor]:
            return [loss.detach() if i == 1 else loss for i, loss in zip(tasks, case.closure(tasks), strict=True)]

        update_of(case, aggregator, name).backward(closure)
        assert all(p.grad is None or not p.grad.any() for p in case.network.heads[1].parameters())
        assert all(g.isfinite().all() for g in grads(case.network) if g is not None)


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


def noisy(case: Problem, tasks: Sequence[int]) -> list[Tensor]:
    """Losses that draw from the global generator once per task, so that a pass for fewer tasks leaves it elsewhere."""
    return [loss * (1 + torch.rand(())) for loss in case.closure(tasks)]


@every_preset
def test_a_step_leaves_what_one_forward_pass_leaves(name: str) -> None:
    one, other = (problem(3, **TRAITS) for _ in range(2))
    for case in (one, other):
        case.network.trunk.first.bias.requires_grad_(False)
    update = MultiTaskUpdate(one.network.trunk, one.network.heads, aggregator="pcgrad", sharpness=preset(name))
    for _ in range(2):
        torch.manual_seed(3)
        update.backward(partial(noisy, one))
        after = Snapshot.of(one.network)
        torch.manual_seed(3)
        noisy(other, range(3))
        # Without a clean pass the statistics move once too, but by what the perturbed weights give.
        Snapshot.of(other.network).assert_equal(after, but="running_" if preset(name).from_history else None)


@pytest.mark.parametrize("name", [n for n in PRESETS if n != "none"])
def test_a_closure_that_raises_leaves_no_trace(name: str) -> None:
    for aggregator in ("uw", "mgda"):
        case = problem(3, **TRAITS)
        update = update_of(case, aggregator, name)
        train(case, update, 1)
        for p in case.network.parameters():
            p.grad = torch.full_like(p, 7.0)
        for stop in range(1, 12):
            seen: list[Snapshot] = []

            def failing(tasks: Sequence[int], case: Problem = case, stop: int = stop, seen: list[Any] = seen) -> Any:
                losses = case.closure(tasks)
                seen.append(Snapshot.of(case.network))
                if len(seen) == stop:
                    raise InterruptedError
                return losses

            before = case.network.trunk.first.weight.clone()
            try:
                update.backward(failing)
            except InterruptedError:
                assert torch.equal(before, case.network.trunk.first.weight)
                assert all((grad == 7).all() for grad in grads(case.network) if grad is not None)
                if not update.sharpness.from_history:
                    seen[0].assert_equal(Snapshot.of(case.network))
            else:
                break
        assert len(seen) < stop


@pytest.mark.parametrize("aggregator", aggregation.NAMES)
def test_a_resumed_run_is_the_run(aggregator: str) -> None:
    """Every aggregator's memory under the sharpness that keeps most of them; every preset's is seen in the traits."""
    options: dict[str, Any] = {"dwa": {"window": 2}, "nash-mtl": {"update_weights_every": 3}}.get(aggregator, {})
    case = problem(3, **TRAITS)
    update = update_of(case, aggregation.make(aggregator, tasks=3, **options), "fmtl-second", every=2)
    torch.manual_seed(4)
    train(case, update, 5)
    kept = io.BytesIO()
    torch.save(update.state_dict(), kept)
    kept.seek(0)
    twin = copy.deepcopy(case)
    resumed = update_of(twin, aggregation.make(aggregator, tasks=3, **options), "fmtl-second", every=2)
    resumed.load_state_dict(torch.load(kept))
    random = torch.get_rng_state()
    train(case, update, 3)
    torch.set_rng_state(random)
    train(twin, resumed, 3)
    same(list(case.network.parameters()), list(twin.network.parameters()))


def test_a_state_of_another_kind_is_refused() -> None:
    kept = update_of(problem(3), "uw").state_dict()
    for aggregator, tasks, name, state, told in (
        ("uw", 2, "none", kept, "state"),
        ("nash-mtl", 3, "none", kept, "state"),
        ("mgda", 3, "fmtl", kept, "state"),
        ("uw", 3, "none", {"steps": 3}, "version 1, this code reads 2"),
    ):
        with pytest.raises(ValueError, match=told) as caught:
            update_of(problem(tasks), aggregator, name).load_state_dict(state)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("aggregator", ["uw", "imtl-l"])
def test_learned_weights_learn(aggregator: str) -> None:
    case = problem(3)
    update = update_of(case, aggregator, "gsam")
    before = [p.clone() for p in update.parameters()]
    train(case, update, 2)
    assert all((p != q).all() for p, q in zip(update.parameters(), before, strict=True))


def test_famo_learns_from_the_batch_after_the_step() -> None:
    case = problem(3, **TRAITS)
    update = update_of(case, "famo", "gsam")
    assert list(update.parameters()) == []
    (logits,) = update.aggregator.parameters()
    update.backward(case.closure)
    torch.rand(7)  # the loop may draw between
    update.after_step(case.closure)
    assert not logits.any()  # no step, no change: before and after have one dropout mask
    train(case, update, 2)
    assert len(set(logits.tolist())) == 3
    update.backward(case.closure)
    with pytest.raises(RuntimeError, match="after_step"):
        update.backward(case.closure)
    before = Snapshot.of(case.network)
    update.after_step(case.closure)
    before.assert_equal(Snapshot.of(case.network))
    with pytest.raises(RuntimeError, match="backward"):
        update.after_step(case.closure)


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
    same([flat(part) for part in case.network.children()], wanted, 1e-10)


@every_preset
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
    same(found[0], found[1])
