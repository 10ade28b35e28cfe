"""Two processes with half of a batch each make the step that one makes on all of it."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from samo import PRESETS, MultiTaskUpdate, share_of
from samo.optim.process_group import Group, Ranks, synchronise
from tests.forks import on_ranks
from tests.problems import Problem, grads, problem, same, update_of

OWN_STATISTICS = ("none", "samo", "fmtl", "msam")
CASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    **{f"{name} ls": (name, "ls", {}) for name in PRESETS},
    **{f"fmtl {a}": ("fmtl", a, {}) for a in ("uw", "famo", "rlw", "pcgrad", "graddrop")},  # learned or drawn weights
    "samo fairgrad": ("samo", "fairgrad", {}),
    "one-sided": ("samo", "mgda", {"probe": "one-sided"}),
    "batch statistics": ("samo", "mgda", {"probe": "one-sided", "probe_statistics": "batch"}),
    "two directions": ("samo-shared", "ls", {"directions": 2, "normalise": "none"}),
    "every second": ("gsam", "pcgrad", {"every": 2}),
    "every second of fmtl": ("fmtl", "ls", {"every": 2}),
    "adaptive": ("samo", "mgda", {"adaptive": True, "ball": "layer"}),
}
Found = dict[str, Any]


def on_share(case: Problem, group: Group | None) -> Problem:
    """The problem with this rank's examples."""
    chosen = share_of(torch.arange(len(case.x)), group)
    return replace(case, x=case.x[chosen], y=case.y[:, chosen])


def trained(name: str, aggregator: str, fields: dict[str, Any], group: Group | None, **traits: Any) -> list[Tensor]:
    """The losses of three steps of SGD, then every weight and buffer."""
    case = on_share(problem(3, **traits), group)
    torch.manual_seed(0)
    options = {"group": group, "sync_batchnorm": traits.get("batchnorm") == "synchronised"}
    update = update_of(case, aggregator, name, options=options, **fields)
    optimizer = torch.optim.SGD([*case.network.parameters(), *update.parameters()], lr=0.1)
    seen = [update.step(case.closure, optimizer) for _ in range(3)]
    learned = [p.detach().clone() for p in update.parameters()]
    return [*seen, *learned, *(v.detach().clone().to(torch.float64) for v in case.network.state_dict().values())]


def said(work: Callable[[], Any]) -> str:
    """What it raises, as text."""
    try:
        work()
    except (ValueError, FloatingPointError) as error:
        return f"{type(error).__name__}: {error}"
    return "nothing"


def all_cases(group: Group | None) -> Found:
    """What a rank, or one process alone, finds in every case."""
    found: Found = {name: trained(*case, group, branches=True) for name, case in CASES.items()}
    for name in PRESETS:
        found[f"synchronised {name}"] = trained(name, "mgda", {}, group, batchnorm="synchronised")
    for name in OWN_STATISTICS:
        found[f"own statistics {name}"] = trained(name, "mgda", {}, group, batchnorm=True, dropout=0.3)
    found["images"] = images(group)
    for aggregator in ("ls", "mgda"):
        found[f"half a task {aggregator}"] = half_a_task(aggregator, group)
    return found


def images(group: Group | None) -> list[Tensor]:
    """Output, gradients and statistics of a BatchNorm over pictures, its mean one over all steps so far."""
    torch.manual_seed(3)
    inputs, ranks = torch.randn(3, 4, 2, 5, 5, dtype=torch.float64), Ranks(group)
    holder = torch.nn.Sequential(torch.nn.BatchNorm2d(2, momentum=None, dtype=torch.float64))
    if group is not None:
        synchronise(holder, group)
    for batch in inputs:
        x = batch.clone().requires_grad_()
        out = holder(share_of(x, group))
        loss = (out * torch.linspace(0, 1, 25, dtype=torch.float64).view(5, 5)).square().mean()
        gradients = list(torch.autograd.grad(loss, [*holder.parameters(), x]))  # of x, zero in the other rank's share
    ranks.average_(gradients)
    whole = torch.zeros_like(batch)
    share_of(whole, group).copy_(out.detach() * (1 if group is None else group.size()))
    statistics = [v.double() for v in holder.state_dict().values()]
    twin = copy.deepcopy(holder)  # an average of weights, say: it works without the group
    return [ranks.mean(whole), *gradients, *statistics, *(n.eval()(inputs[0]).detach() for n in (holder, twin))]


def half_a_task(aggregator: str, group: Group | None) -> list[Tensor | None]:
    """The gradients where the last task's branch and head are used on the first rank alone, a layer on none."""
    case = problem(3, branches=True)
    case.network.trunk.register_module("unused", torch.nn.Linear(2, 2, dtype=torch.float64))
    share = on_share(case, group)
    first = 1.0 if group is None else 2.0 * (group.rank() == 0)

    def closure(tasks: Any) -> list[Tensor]:
        losses = []
        for i in tasks:
            held = first > 0 or i != 2
            half = replace(case, x=case.x[::2], y=case.y[:, ::2])  # what the first rank has
            (loss,) = (half if i == 2 else share).closure([i])
            losses.append((first if i == 2 else 1.0) * loss if held else loss.detach() * 0)
        return losses

    update_of(case, aggregator, "fmtl", options={"group": group}).backward(closure)
    return grads(case.network)


def refusals(group: Group) -> Found:
    """What each rank says where ranks do not fit together."""
    rank = group.rank()

    def apart(weights: int = 0, buffer: int = 0, generator: int = 0) -> str:
        case, stream = problem(2, seed=weights), torch.Generator().manual_seed(generator)
        case.network.trunk.register_buffer("mark", torch.tensor(float(buffer)))
        update = MultiTaskUpdate(case.network.trunk, case.network.heads, generator=stream, group=group)
        return said(lambda: update.backward(case.closure))

    def not_a_number() -> str:
        case = problem(3)
        update = update_of(case, "mgda", "gsam", options={"group": group, "raise_nonfinite": True})
        factors = (1.0, 1.0, float("nan") if rank == 1 else 1.0)
        return said(lambda: update.backward(lambda tasks: [factors[i] * case.closure([i])[0] for i in tasks]))

    return {
        "alike": apart(),
        "weights": apart(weights=rank),
        "buffers": apart(buffer=rank),
        "generator": apart(generator=rank),
        "not a number": not_a_number(),
        "unequal": said(lambda: share_of([1, 2, 3], group)),
        "shares": share_of([0, 1, 2, 3], group),
    }


def all_found(group: Group, _: Path) -> Found:
    return {"found": all_cases(group), "said": refusals(group)}


pytestmark = pytest.mark.slow  # two processes take hundreds of steps, a message for each gradient
EXACT = [*CASES, *(f"synchronised {name}" for name in PRESETS), "images", "half a task ls", "half a task mgda"]


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[Found]:
    """What each of two processes found and said."""
    return on_ranks(all_found, tmp_path_factory.mktemp("ranks"))


@pytest.fixture(scope="module")
def alone() -> Found:
    return all_cases(None)


@pytest.mark.parametrize("case", EXACT)
def test_two_halves_make_the_step_of_the_whole(case: str, ranks: list[Found], alone: Found) -> None:
    """Losses, learned task weights, weights and running statistics after three steps."""
    assert len(alone[case]) > 3
    same(ranks[0]["found"][case], alone[case], 1e-10)


@pytest.mark.parametrize("case", [*EXACT, *(f"own statistics {name}" for name in OWN_STATISTICS)])
def test_replicas_stay_alike_bit_for_bit(case: str, ranks: list[Found]) -> None:
    same(ranks[0]["found"][case], ranks[1]["found"][case])


@pytest.mark.parametrize("name", OWN_STATISTICS)
def test_own_statistics_are_another_step(name: str, ranks: list[Found], alone: Found) -> None:
    """BatchNorm and dropout by rank: what the docstring says is not the step of the whole batch."""
    case = f"own statistics {name}"
    assert any((a - b).abs().max() > 1e-6 for a, b in zip(ranks[0]["found"][case], alone[case], strict=True))


def test_what_does_not_fit_together_is_said_on_every_rank(ranks: list[Found]) -> None:
    for rank in ranks:
        heard = rank["said"]
        assert heard["alike"] == "nothing"
        assert "start apart, in the weights:" in heard["weights"]
        assert "start apart, in the buffers:" in heard["buffers"]
        assert "start apart, in the update's generator:" in heard["generator"]
        assert heard["not a number"] == "LossError: the loss of task 2 is nan"
        assert heard["unequal"] == "ValueError: a batch of 3 has no 2 equal shares, one for each rank"
    assert [rank["said"]["shares"] for rank in ranks] == [[0, 2], [1, 3]]
