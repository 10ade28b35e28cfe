"""The update as its user sees it: what it fills, what it leaves alone, and what it refuses."""

import copy
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchjd.aggregation import MGDA, UPGrad
from torchjd.scalarization import UW

from samo import MultiTaskUpdate, aggregation, preset, task_gradients
from samo.sharpness import PRESETS
from tests.problems import Problem, grads, problem

TRAITS: dict[str, Any] = {"batchnorm": True, "dropout": 0.3, "branches": True}


def update_of(case: Problem, aggregator: Any = "ls", name: str = "none", **fields: Any) -> MultiTaskUpdate:
    return MultiTaskUpdate(
        case.network.trunk, case.network.heads, aggregator=aggregator, sharpness=preset(name, **fields)
    )


def train(case: Problem, update: MultiTaskUpdate, steps: int) -> None:
    """Some steps of SGD with everything that a loop should call; dropout differs from step to step."""
    optimizer = torch.optim.SGD([*case.network.parameters(), *update.parameters()], lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        update.backward(case.closure)
        optimizer.step()
        update.after_step(case.closure)


@dataclass
class Snapshot:
    """All that a step must not change, bit for bit."""

    state: dict[str, Tensor]
    flags: list[bool]
    modes: list[bool]
    random: Tensor

    @classmethod
    def of(cls, network: nn.Module) -> "Snapshot":
        return cls(
            copy.deepcopy(network.state_dict()),
            [p.requires_grad for p in network.parameters()],
            [m.training for m in network.modules()],
            torch.get_rng_state(),
        )

    def assert_equal(self, other: "Snapshot", *, but: str | None = None) -> None:
        for name, value in self.state.items():
            assert torch.equal(value, other.state[name]) or (but is not None and but in name), name
        assert self.flags == other.flags
        assert self.modes == other.modes
        assert torch.equal(self.random, other.random)


@pytest.mark.parametrize("aggregator", ["ls", "pcgrad"])
@pytest.mark.parametrize("name", PRESETS)
def test_a_step_leaves_what_one_forward_pass_leaves(name: str, aggregator: str) -> None:
    one, other = (problem(3, batchnorm=True, dropout=0.3, branches=True) for _ in range(2))
    one.network.trunk["first"].bias.requires_grad_(False)
    other.network.trunk["first"].bias.requires_grad_(False)
    update = MultiTaskUpdate(one.network.trunk, one.network.heads, aggregator=aggregator, sharpness=preset(name))
    for _ in range(2):
        torch.manual_seed(3)
        update.backward(one.closure)
        after = Snapshot.of(one.network)
        torch.manual_seed(3)
        other.closure(range(3))
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
        before = case.network.trunk["first"].weight.clone()
        try:
            update.backward(failing)
        except StopError:
            assert torch.equal(before, case.network.trunk["first"].weight)
            assert all((grad == 7).all() for grad in grads(case.network) if grad is not None)
            if not update.sharpness.from_history:
                seen[0].assert_equal(Snapshot.of(case.network))
        else:
            assert stop > calls
            return
    raise AssertionError("more passes than any preset makes")


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


@pytest.mark.parametrize("name", PRESETS)
def test_gradients_are_one_tensor_a_parameter(name: str) -> None:
    """Two parameters whose gradients autograd hands out as one tensor must not be scaled twice by clipping."""
    a, b, head = (nn.Parameter(torch.ones(3)) for _ in range(3))
    update = MultiTaskUpdate([a, b], [[head]], aggregator="ls", sharpness=preset(name))
    update.backward(lambda tasks: [((a + b) * head).sum()])
    assert a.grad is not None
    assert b.grad is not None
    before = b.grad.clone()
    a.grad.mul_(0)
    assert torch.equal(b.grad, before)


@pytest.mark.parametrize("aggregator", ["ls", "mgda"])
@pytest.mark.parametrize("name", PRESETS)
def test_what_no_task_uses_and_what_is_frozen_gets_no_gradient(name: str, aggregator: str) -> None:
    case = problem(3, branches=True)
    case.network.trunk["unused"] = nn.Linear(2, 2, dtype=torch.float64)
    case.network.trunk["second"].requires_grad_(False)
    case.network.heads[1].requires_grad_(False)
    update_of(case, aggregator, name).backward(case.closure)
    for part in ("unused", "second"):
        assert all(p.grad is None for p in case.network.trunk[part].parameters())
    assert all(p.grad is None for p in case.network.heads[1].parameters())
    assert case.network.trunk["first"].weight.grad is not None


def test_layers_may_be_frozen_and_freed_between_steps() -> None:
    for name in ("msam", "friendly", "samo-sampled"):
        case = problem(2)
        update = update_of(case, "mgda", name, every=2)
        for frozen in (True, False, True, False):
            case.network.trunk["first"].requires_grad_(not frozen)
            train(case, update, 1)


@pytest.mark.parametrize("name", PRESETS)
def test_every_task_may_have_its_own_batch(name: str) -> None:
    case = problem(3, batchnorm=True)
    inputs = torch.randn(3, 8, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))

    def closure(tasks: Sequence[int]) -> list[Tensor]:
        return [case.network(inputs[i], [i])[0].square().mean() for i in tasks]

    losses = update_of(case, "mgda", name).backward(closure)
    assert losses.shape == (3,)
    assert case.network.trunk["norm"].num_batches_tracked == 3


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


@pytest.mark.parametrize("aggregator", aggregation.NAMES)
@pytest.mark.parametrize("name", ["none", "samo-shared", "fmtl-second", "fmtl-each", "msam", "friendly"])
def test_a_resumed_run_is_the_run(name: str, aggregator: str) -> None:
    fields = {} if name == "none" else {"every": 2}
    options = {"window": 2} if aggregator == "dwa" else {}
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
    logits = update.aggregator._w
    assert logits.unique().numel() == 3
    update.backward(case.closure)
    with pytest.raises(RuntimeError, match="after_step"):
        update.backward(case.closure)
    before = Snapshot.of(case.network)
    update.after_step(case.closure)
    before.assert_equal(Snapshot.of(case.network))
    with pytest.raises(RuntimeError, match="backward"):
        update.after_step(case.closure)


def test_a_scalariser_makes_no_second_backward_pass() -> None:
    for aggregator in aggregation.SCALARISERS:
        case = problem(5)
        passes: list[int] = []

        def closure(tasks: Sequence[int], case: Problem = case, passes: list[int] = passes) -> list[Tensor]:
            features = case.network.trunk["first"](case.x)
            features.register_hook(lambda grad: passes.append(1))
            return [F.mse_loss(case.network.heads[i](features[:, :4]), case.y[i]) for i in tasks]

        update_of(case, aggregator).backward(closure)
        assert len(passes) == 1, aggregator


def test_heads_of_a_scalariser_follow_the_scalarised_loss() -> None:
    case = problem(2)
    update_of(case, "mean").backward(case.closure)
    found = grads(case.network.heads)
    case.network.zero_grad()
    (sum(case.closure([0, 1])) / 2).backward()
    for mine, wanted in zip(found, grads(case.network.heads), strict=True):
        assert mine is not None
        assert wanted is not None
        torch.testing.assert_close(mine, wanted)


def test_conflict_is_the_cosine_of_the_task_gradients() -> None:
    case = problem(3)
    update = update_of(case, "mgda")
    update.backward(case.closure)
    J = task_gradients(case.closure, case.network.trunk, range(3))
    assert update.conflict is not None
    torch.testing.assert_close(update.conflict, F.normalize(J) @ F.normalize(J).T)
    ls = update_of(case, "ls")
    ls.backward(case.closure)
    assert ls.conflict is None


def test_losses_are_clean_detached_and_in_order() -> None:
    case = problem(3, batchnorm=True, dropout=0.3)
    torch.manual_seed(0)
    losses = update_of(case, "mgda", "samo").backward(case.closure)
    torch.manual_seed(0)
    torch.testing.assert_close(losses, torch.stack(case.closure([0, 1, 2])).detach(), rtol=0, atol=0)
    assert not losses.requires_grad


def test_a_wrong_closure_is_told_so() -> None:
    case = problem(3)
    update = update_of(case)
    for wrong, match in (
        (lambda tasks: case.closure(tasks)[:2], "gave 2 losses"),
        (lambda tasks: sum(case.closure(tasks)), "one number"),
        (lambda tasks: [loss.repeat(2) for loss in case.closure(tasks)], r"task 0 has shape \(2,\)"),
    ):
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
        update_of(case, "ls", "gsam").backward(closure)
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


@pytest.mark.parametrize("aggregator", aggregation.NAMES)
def test_no_gradient_at_all_gives_zeros(aggregator: str) -> None:
    case = problem(2)
    losses = lambda tasks: [0 * loss + 1 for loss in case.closure(tasks)]  # noqa: E731
    update_of(case, aggregator, "samo").backward(losses)
    assert not any(g.any() for g in grads(case.network) if g is not None)


def test_parts_that_overlap_are_refused() -> None:
    case = problem(2)
    heads = case.network.heads
    with pytest.raises(ValueError, match="head 1 holds a parameter of head 0"):
        MultiTaskUpdate(case.network.trunk, [heads[0], heads[0]])
    with pytest.raises(ValueError, match=r"head 0 holds a parameter of trunk.first.weight"):
        MultiTaskUpdate(case.network.trunk, [case.network.trunk, heads[1]])
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


def test_trunk_and_heads_may_be_parameters() -> None:
    one, other = problem(3, batchnorm=True), problem(3, batchnorm=True)
    update_of(one, "mgda", "samo").backward(one.closure)
    network = other.network
    MultiTaskUpdate(
        network.trunk.parameters(),
        [head.parameters() for head in network.heads],
        aggregator="mgda",
        sharpness=preset("samo"),
        network=network,
    ).backward(other.closure)
    for mine, wanted in zip(grads(other.network), grads(one.network), strict=True):
        assert mine is not None
        assert wanted is not None
        assert torch.equal(mine, wanted)
    assert torch.equal(network.trunk["norm"].running_var, one.network.trunk["norm"].running_var)


def test_random_directions_have_a_stream_of_their_own() -> None:
    found = []
    for seed in (1, 1, 2):
        case = problem(2)
        update = MultiTaskUpdate(
            case.network.trunk,
            case.network.heads,
            sharpness=preset("placebo"),
            generator=torch.Generator().manual_seed(seed),
        )
        torch.manual_seed(0)
        update.backward(case.closure)
        found.append(case.network.trunk["first"].weight.grad)
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_only_every_kth_step_is_sharp() -> None:
    case = problem(2)
    calls: list[int] = []
    update = update_of(case, "ls", "gsam", every=3)
    for _ in range(7):
        before = len(calls)
        update.backward(lambda tasks: (calls.append(1), case.closure(tasks))[1])
        calls.append(-(len(calls) - before))
    assert [-c for c in calls if c < 0] == [2, 1, 1, 2, 1, 1, 2]


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
