"""What a step fills, learns and refuses."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchjd.aggregation import UPGrad
from torchjd.scalarization import UW

from samo import PRESETS, MultiTaskUpdate, aggregation, preset
from tests.problems import Problem, Snapshot, grads, problem, same, train, update_of

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
        a, b, c, d = parts = [nn.Parameter(torch.ones(3)) for _ in range(4)]
        update = MultiTaskUpdate([a, b], [[c, d]], aggregator=aggregator, sharpness=preset(name))
        update.backward(partial(lambda a, b, c, d, tasks: [((a + b) * (c + d)).sum()], *parts))
        assert len({p.grad.data_ptr() for p in parts if p.grad is not None}) == 4


@every_preset
def test_a_task_without_gradient_is_a_row_of_zeros(name: str) -> None:
    for aggregator in ("uw", "mgda", "imtl-g"):
        case = problem(3)

        def closure(tasks: Sequence[int], case: Problem = case) -> list[Tensor]:
            return [loss.detach() if i == 1 else loss for i, loss in zip(tasks, case.closure(tasks), strict=True)]

        update_of(case, aggregator, name).backward(closure)
        assert all(p.grad is None or not p.grad.any() for p in case.network.heads[1].parameters())
        assert all(g.isfinite().all() for g in grads(case.network) if g is not None)


def parts_of(case: Problem, trunk: Any = None, heads: Any = None) -> Tensor:
    """A step with other parts than the problem's own."""
    network = case.network
    update = MultiTaskUpdate(network.trunk if trunk is None else trunk, network.heads if heads is None else heads)
    return update.backward(case.closure)


def by_a_neck(case: Problem, neck: nn.Module) -> Tensor:
    trunk, heads = case.network.trunk, case.network.heads
    return update_of(case).backward(lambda tasks: [heads[i](neck(*trunk(case.x, [i]))).mean() for i in tasks])


def gives(made: Callable[[list[Tensor]], Any], name: str = "none") -> Callable[[Problem], Any]:
    """A step whose closure makes something else of the losses."""
    return lambda case: update_of(case, "ls", name).backward(lambda tasks: made(case.closure(tasks)))


def saved(case: Problem) -> dict[str, Any]:
    return update_of(case, "uw").state_dict()


REFUSED: dict[str, Callable[[Problem], Any]] = {
    "gave 2 losses": gives(lambda losses: losses[:2]),
    "one number": gives(lambda losses: torch.stack(losses).sum()),
    r"task 0 is of shape \(2,\)": gives(lambda losses: [loss.repeat(2) for loss in losses]),
    r"gave those of \[0, 1\]": gives(lambda losses: dict(enumerate(losses[:2]))),
    "no loss depends": gives(lambda losses: [loss.detach() for loss in losses]),
    "loss depends on the weights": gives(lambda losses: [loss.detach() for loss in losses], "gsam"),
    "depends on the weights": gives(lambda losses: [loss.detach() for loss in losses], "lsam"),
    "a list, a dict by task, or a tensor": gives(lambda losses: 3.0),
    "task 0 is a float": gives(lambda losses: [3.0] * 3),
    "head 1 holds weight, a parameter of head 0": lambda case: parts_of(case, heads=[case.network.heads[0]] * 2),
    "one module per task, in a list or a dict, got a Linear": lambda case: parts_of(case, heads=nn.Linear(4, 2)),
    "unknown sharpness 'sam'": lambda case: MultiTaskUpdate([case.x], [()], sharpness="sam"),
    "no heads": lambda case: parts_of(case, heads=[]),
    "no parameters": lambda case: parts_of(case, trunk=[]),
    "frozen": lambda case: parts_of(case, trunk=case.network.trunk.requires_grad_(False)),
    "one device is supported": lambda case: parts_of(case, heads=[nn.Linear(2, 1, device="meta")]),
    "weight is torch.complex64": lambda case: parts_of(case, heads=[nn.Linear(2, 2, dtype=torch.complex64)]),
    r"a parameter of shape \(4,": lambda case: by_a_neck(case, nn.Linear(4, 4, dtype=torch.float64)),
    "'seg' is unknown": lambda case: update_of(case).backward(case.closure, tasks=["seg"]),
    "2 tasks .* 3 heads": lambda case: update_of(case, UW(2)),
    r"2 tasks \(n_tasks\), and there are 3 heads": lambda case: update_of(case, aggregation.make("nash-mtl", tasks=2)),
    "4 tasks .* 3 heads": lambda case: update_of(case, aggregation.make("famo", tasks=4)),
    r"2 tasks \(pref_vector\)": lambda case: update_of(case, UPGrad(pref_vector=torch.ones(2))),
    "two tasks": lambda case: update_of(problem(1), "nash-mtl"),
    "the state is not that of UW": lambda case: update_of(problem(2), "uw").load_state_dict(saved(case)),
    "the state is not that of NashMTL": lambda case: update_of(case, "nash-mtl").load_state_dict(saved(case)),
    "another decomposition": lambda case: update_of(case, "mgda", "fmtl").load_state_dict(saved(case)),
    "version 1, this code reads 2": lambda case: update_of(case, "uw").load_state_dict({"steps": 3}),
}


@pytest.mark.parametrize("told", REFUSED)
def test_what_does_not_fit_is_told_in_one_line(told: str) -> None:
    with pytest.raises(TypeError if "list, a dict" in told or "float" in told else ValueError, match=told) as caught:
        REFUSED[told](problem(3))
    assert "\n" not in str(caught.value)


def test_a_frozen_weight_may_lie_elsewhere_and_be_of_any_kind() -> None:
    by_a_neck(problem(3), nn.Linear(4, 4, dtype=torch.float64).requires_grad_(False))
    case = problem(3)
    for name, dtype in {"narrow": torch.float8_e4m3fn, "phase": torch.complex64}.items():
        case.network.trunk.register_parameter(name, nn.Parameter(torch.ones(2).to(dtype), requires_grad=False))
    for aggregator in ("uw", "mgda"):
        update_of(case, aggregator, "gsam").backward(case.closure)


@pytest.mark.parametrize("aggregator", ["uw", "imtl-l"])
def test_learned_weights_learn(aggregator: str) -> None:
    case = problem(3)
    update = update_of(case, aggregator, "gsam")
    before = [p.clone() for p in update.parameters()]
    train(case, update, 2)
    assert before
    assert all((p != q).all() for p, q in zip(update.parameters(), before, strict=True))


def test_famo_learns_from_the_batch_after_the_step() -> None:
    case = problem(3, batchnorm=True, dropout=0.3, branches=True)
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


FAULTS: dict[str, Callable[[Tensor], Tensor]] = {
    "not a number": lambda loss: loss * float("nan"),
    "infinite": lambda loss: loss * float("inf"),
    "infinite gradient": lambda loss: loss + (loss - loss.detach()).sqrt() if loss.requires_grad else loss,
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ["none", "gsam"])
# rlw draws its weights.
@pytest.mark.parametrize("aggregator", sorted(set(aggregation.SCALARISERS) - {"rlw"}))
def test_a_scalariser_learns_nothing_from_a_step_that_is_not_finite(aggregator: str, name: str, fault: str) -> None:
    if (aggregator, name, fault) == ("dwa", "none", "infinite gradient"):
        pytest.skip("dwa takes the losses in, which are finite, before there is a gradient")
    found = []
    for faults in (0, 1, 2):
        case = problem(3)
        M = aggregation.make(aggregator, tasks=3, **({"window": 2} if aggregator == "dwa" else {}))
        update = update_of(case, M, name)
        optimizer = torch.optim.SGD([*case.network.parameters(), *update.parameters()], lr=0.05)

        def bad(tasks: Sequence[int], case: Problem = case) -> list[Tensor]:
            return [FAULTS[fault](loss) if i == 1 else loss for i, loss in zip(tasks, case.closure(tasks), strict=True)]

        for n in range(6):
            if n == 0 or n == 3:
                for _ in range(faults):
                    update.step(bad, optimizer)
                    assert update.last is not None
                    assert not update.last.finite
            update.step(case.closure, optimizer)
        found.append([*case.network.parameters(), *update.aggregator.parameters()])
    same(found[0], found[1])
    same(found[0], found[2])


def test_a_state_of_famo_may_be_loaded_again_and_again() -> None:
    case = problem(3)
    update, weights = update_of(case, "famo"), case.network.state_dict()
    start = {name: value.clone() for name, value in weights.items()}
    for steps in (0, 2):  # before it has an optimiser of its own, and after
        train(case, update, steps)
        kept, where, ends = update.state_dict(), {n: v.clone() for n, v in weights.items()}, []
        for _ in range(3):
            case.network.load_state_dict(where)
            update.load_state_dict(kept)
            train(case, update, 3)
            ends.append(next(update.aggregator.parameters()).clone())
        same(ends[:1] * 2, ends[1:])
        case.network.load_state_dict(start)
        update.load_state_dict(kept)
