"""What holds for every sharpness with every aggregator; a new one of either is found by its name."""

from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from samo import PRESETS, MultiTaskUpdate, Sharpness, aggregation
from samo.optim.sharpness import preset
from tests.problems import grads, problem


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


def check(tasks: int, traits: dict[str, Any], aggregator: str, sharpness: Sharpness, steps: int) -> None:
    """Weights stay bit for bit, gradients are whole, finite and reproducible, and the records are in range."""
    case, twin = problem(tasks, **traits), problem(tasks, **traits)
    update, again = (
        MultiTaskUpdate(
            own.network.trunk,
            own.network.heads,
            aggregator=aggregator,
            sharpness=sharpness,
            generator=torch.Generator().manual_seed(0),
        )
        for own in (case, twin)
    )
    before = [p.clone() for p in case.network.parameters()]
    for n in range(steps):
        for own, step in ((case, update), (twin, again)):
            torch.manual_seed(n)
            losses = step.backward(own.closure)
            step.after_step(own.closure)
        assert losses.shape == (case.tasks,)
    assert all(torch.equal(p, q) for p, q in zip(before, case.network.parameters(), strict=True))
    for p, mine, other in zip(case.network.parameters(), grads(case.network), grads(twin.network), strict=True):
        assert mine is not None
        assert other is not None
        assert mine.shape == p.shape
        assert mine.isfinite().all()
        assert torch.equal(mine, other)
    assert update.last is not None
    assert update.last.finite
    if update.last.cosines is not None:
        assert update.last.cosines.shape == (case.tasks, case.tasks)
        assert (update.last.cosines.abs() <= 1 + 1e-9).all()
    if update.last.lengths is not None and not update.sharpness.adaptive and update.sharpness.ball == "trunk":
        assert (update.last.lengths <= update.sharpness.rho * (1 + 1e-9)).all()


@pytest.mark.parametrize(
    ("name", "aggregator"),
    [(name, a) for name in PRESETS for a in aggregation.NAMES if a == "pcgrad" or name in ("samo", "fmtl-each")],
)
def test_every_pair_steps(name: str, aggregator: str) -> None:
    check(3, {"batchnorm": True, "dropout": 0.3, "branches": True}, aggregator, preset(name), steps=1)


@pytest.mark.parametrize("name", PRESETS)
@settings(max_examples=6, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_sharpness_composes(name: str, data: st.DataObject) -> None:
    sharpness = preset(name, **data.draw(fields(name), label="fields"))
    aggregator = data.draw(st.sampled_from(aggregation.NAMES), label="aggregator")
    traits: dict[str, Any] = data.draw(
        st.fixed_dictionaries(
            {"batchnorm": st.booleans(), "dropout": st.sampled_from([0.0, 0.3]), "branches": st.booleans()}
        ),
        label="network",
    )
    tasks = data.draw(st.sampled_from([1, 2, 3, 5]), label="tasks")
    assume(tasks > 1 or aggregator != "nash-mtl")  # nobody to bargain with
    check(tasks, traits, aggregator, sharpness, steps=2)
