"""What holds for every sharpness with every aggregator, and which of them are equal; found by their names."""

import copy
from collections.abc import Sequence
from functools import partial
from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from samo import PRESETS, MultiTaskUpdate, Sharpness, aggregation, preset
from tests.problems import Problem, Snapshot, grads, problem, same, update_of

TRAITS: dict[str, Any] = {"batchnorm": True, "dropout": 0.3, "branches": True}
RANDOM = ("rlw", "pcgrad", "gradvac", "graddrop")
SOLVERS = ("cagrad", "nash-mtl", "fairgrad", "upgrad", "dualproj")


def fields(name: str) -> st.SearchStrategy[dict[str, Any]]:
    """Fields that compose with a preset."""
    free: dict[str, st.SearchStrategy[Any]] = {
        "adaptive": st.booleans(),
        "every": st.integers(1, 3),
        "ball": st.sampled_from(["trunk", "layer"]),
        "rho": st.floats(0, 0.2),
        "rescale": st.booleans(),
    }
    if PRESETS[name].needs_local:
        free |= {"normalise": st.sampled_from(["none", "layer", "global"])}
        free |= {"layers": st.sampled_from(["all", 0, ("first", -2), "*.bias"])}
        free |= {"alpha": st.floats(0, 1) | st.just("adaptive"), "memory_decay": st.sampled_from([0.0, 0.5])}
    if PRESETS[name].from_history:
        free |= {"sign": st.sampled_from([-1, 1])}
    if PRESETS[name].estimator == "spsa":
        free |= {
            "estimator": st.sampled_from(["spsa", "guided", "remembered", "random"]),
            "noise": st.sampled_from(["independent", "shared"]),
            "probe": st.sampled_from(["central", "one-sided"]),
            "probe_statistics": st.sampled_from(["running", "batch"]),
            "directions": st.integers(1, 3),
            "distribution": st.sampled_from(["normal", "rademacher", "low-rank"]),
            "rank": st.integers(1, 3),
            "mu": st.floats(1e-3, 0.1),
        }
    return st.fixed_dictionaries({}, optional=free)


def noisy(case: Problem, tasks: Sequence[int]) -> list[Tensor]:
    """Losses that draw from the global generator once per task, so that a pass for fewer tasks leaves it elsewhere."""
    return [loss * (1 + torch.rand(())) for loss in case.closure(tasks)]


def check(tasks: int, traits: dict[str, Any], aggregator: str, name: str, steps: int, **fields: Any) -> None:
    """A step leaves what a forward pass leaves, bit for bit.

    Gradients are whole, finite, reproducible, and lie in memory as their weights do: fused optimisers read both.
    """
    case, twin, passed = (problem(tasks, **traits) for _ in range(3))
    for own in (case, twin, passed):
        trunk = own.network.trunk
        trunk.first.bias.requires_grad_(False)
        trunk.second.weight.data = trunk.second.weight.data.t().contiguous().t()
    update, again = (update_of(own, aggregator, name, **fields) for own in (case, twin))
    for n in range(steps):
        torch.manual_seed(n)
        noisy(passed, range(tasks))
        after = Snapshot.of(passed.network)
        for own, step in ((case, update), (twin, again)):
            torch.manual_seed(n)
            losses = step.backward(partial(noisy, own))
            # Without a clean pass the statistics move once too, but by what the perturbed weights give.
            after.assert_equal(Snapshot.of(own.network), but="running_" if PRESETS[name].from_history else None)
            step.after_step(partial(noisy, own))
        assert losses.shape == (tasks,)
    same(grads(case.network), grads(twin.network))
    for p in case.network.parameters():
        assert (p.grad is not None) == p.requires_grad
        assert p.grad is None or (p.grad.isfinite().all() and p.grad.stride() == p.stride())
    assert update.last is not None
    assert update.last.finite
    if update.last.lengths is not None and not update.sharpness.adaptive and update.sharpness.ball == "trunk":
        assert (update.last.lengths <= update.sharpness.rho * (1 + 1e-9)).all()


@pytest.mark.parametrize(
    ("name", "aggregator"),
    sorted({*product(PRESETS, ("ls", "pcgrad")), *product(("samo", "fmtl-each"), aggregation.NAMES)}),
)
def test_every_pair_steps(name: str, aggregator: str) -> None:
    check(3, TRAITS, aggregator, name, steps=1)


@pytest.mark.parametrize("name", PRESETS)
@settings(max_examples=6, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_sharpness_composes(name: str, data: st.DataObject) -> None:
    drawn = data.draw(fields(name), label="fields")
    aggregator = data.draw(st.sampled_from(aggregation.NAMES), label="aggregator")
    yes_or_no, dropout = st.booleans(), st.sampled_from([0.0, 0.3])
    network = st.fixed_dictionaries({"batchnorm": yes_or_no, "dropout": dropout, "branches": yes_or_no})
    traits: dict[str, Any] = data.draw(network, label="network")
    tasks = data.draw(st.sampled_from([1, 2, 3, 5]), label="tasks")
    assume(tasks > 1 or aggregator != "nash-mtl")  # nobody to bargain with
    check(tasks, traits, aggregator, name, steps=2, **drawn)


def step(case: Problem, sharpness: Sharpness, aggregator: str = "ls", order: Sequence[int] = (0, 1, 2)) -> Any:
    """The losses by head and the gradients that a step leaves; the heads are given in this order."""
    network = copy.deepcopy(case.network)
    own = Problem(network, case.x, case.y)
    torch.manual_seed(1)  # the update's own generator follows it
    heads = [network.heads[i] for i in order]
    update = MultiTaskUpdate(network.trunk, heads, aggregator=aggregator, sharpness=sharpness, network=network)
    losses = update.backward(lambda tasks: own.closure([order[i] for i in tasks]))
    return [losses[torch.tensor(order).argsort()], *grads(network)]


@pytest.mark.parametrize("name", PRESETS)
def test_no_radius_is_no_sharpness(name: str) -> None:
    case = problem(3, **TRAITS)
    for aggregator in ("rlw", "pcgrad"):
        same(step(case, preset(name, rho=0.0), aggregator), step(case, preset("none"), aggregator))


def test_all_weight_on_the_mean_gradient_is_gsam() -> None:
    case = problem(3, **TRAITS)
    for aggregator in ("ls", "mgda", "pcgrad"):
        wanted = step(case, preset("gsam"), aggregator)
        for name in (n for n, s in PRESETS.items() if s.scope == "joint"):
            same(step(case, preset(name, alpha=1.0), aggregator), wanted)


@pytest.mark.parametrize(
    ("name", "aggregator"),
    [("fmtl", n) for n in aggregation.NAMES if n not in RANDOM]
    + [(n, "mgda") for n, s in PRESETS.items() if n != "fmtl" and (s.estimator == "exact" or not s.needs_local)]
    + [("samo-shared", "ls")],
)
def test_permuting_tasks_permutes_nothing_else(name: str, aggregator: str) -> None:
    case = problem(3, batchnorm=True, dropout=0.3)
    tolerance = 1e-5 if aggregator in SOLVERS else 1e-9
    same(step(case, preset(name), aggregator), step(case, preset(name), aggregator, [2, 0, 1]), tolerance)
