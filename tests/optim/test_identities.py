"""What must come out equal, bit for bit where nothing but the path differs."""

import copy
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from samo import PRESETS, MultiTaskUpdate, Sharpness, aggregation, preset
from tests.optim.transcriptions import Model, to_radius
from tests.problems import Problem, grads, problem

TRAITS: dict[str, Any] = {"batchnorm": True, "dropout": 0.3, "branches": True}
RANDOM = ("rlw", "pcgrad", "gradvac", "graddrop")


def step(case: Problem, sharpness: Sharpness, aggregator: str = "ls", steps: int = 1) -> list[Tensor | None]:
    """The gradients that the last of some steps leaves, from the same random state."""
    network = copy.deepcopy(case.network)
    own = Problem(network, case.x, case.y)
    torch.manual_seed(1)  # the update's own generator follows it
    update = MultiTaskUpdate(network.trunk, network.heads, aggregator=aggregator, sharpness=sharpness)
    for _ in range(steps):
        network.zero_grad()
        update.backward(own.closure)
        update.after_step(own.closure)
    return grads(network)


def equal(left: Sequence[Tensor | None], right: Sequence[Tensor | None], tolerance: float = 0.0) -> None:
    for a, b in zip(left, right, strict=True):
        assert (a is None) == (b is None)
        if a is not None and b is not None:
            torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", PRESETS)
def test_no_radius_is_no_sharpness(name: str) -> None:
    case = problem(3, **TRAITS)
    for aggregator in ("rlw", "pcgrad"):
        equal(step(case, preset(name, rho=0.0), aggregator), step(case, preset("none"), aggregator))


@pytest.mark.parametrize("aggregator", ["ls", "mgda", "pcgrad"])
@pytest.mark.parametrize("name", ["samo", "samo-shared", "samo-sampled", "placebo"])
def test_all_weight_on_the_mean_gradient_is_gsam(name: str, aggregator: str) -> None:
    case = problem(3, **TRAITS)
    equal(step(case, preset(name, alpha=1.0), aggregator), step(case, preset("gsam"), aggregator))


@pytest.mark.parametrize("aggregator", ["ls", "mgda", "upgrad"])
def test_lsam_is_fmtl_direct(aggregator: str) -> None:
    case = problem(3, **TRAITS)
    equal(step(case, preset("lsam"), aggregator), step(case, preset("fmtl-direct"), aggregator))


@pytest.mark.parametrize("name", ["gsam", "lsam", "fmtl", "fmtl-direct"])
@pytest.mark.parametrize("aggregator", ["ls", "mean", "mgda"])
def test_one_task_is_plain_sam(name: str, aggregator: str) -> None:
    case = problem(1, batchnorm=True)
    torch.manual_seed(1)
    model = Model(case)
    g, h = model.gradients(0, model.theta, model.phi[0])
    wanted = model.gradients(0, model.theta + to_radius(0.05, g), model.phi[0] + to_radius(0.05, h))
    found = step(case, preset(name), aggregator)
    flat = torch.cat([grad.flatten() for grad in found if grad is not None])
    torch.testing.assert_close(flat, torch.cat(wanted), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("aggregator", ["ls", "uw", "mgda", "pcgrad"])
@pytest.mark.parametrize("tasks", [2, 5])
@pytest.mark.parametrize("fields", [{}, {"normalise": "global"}, {"estimator": "random"}, {"probe": "one-sided"}])
def test_two_points_are_as_good_as_one_a_task(
    fields: dict[str, Any], tasks: int, aggregator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = problem(tasks, **TRAITS)
    sharpness = preset("samo-shared", **fields)
    calls: list[int] = []
    monkeypatch.setattr(Problem, "closure", counting(calls, Problem.closure))
    together = step(case, sharpness, aggregator)
    few = len(calls)
    monkeypatch.setattr(
        "samo.optim.estimators._same_sign", lambda coefficients: [[n] for n in range(len(coefficients))]
    )
    calls.clear()
    apart = step(case, sharpness, aggregator)
    assert len(calls) >= few
    assert len(calls) > few or tasks == 2
    equal(together, apart, 1e-12)


def counting(calls: list[int], closure: Any) -> Any:
    def counted(self: Problem, tasks: Sequence[int]) -> list[Tensor]:
        calls.append(len(tasks))
        losses: list[Tensor] = closure(self, tasks)
        return losses

    return counted


@pytest.mark.parametrize(
    ("name", "aggregator"),
    [("fmtl", n) for n in aggregation.NAMES if n not in RANDOM]
    + [(n, "mgda") for n, s in PRESETS.items() if n != "fmtl" and (s.estimator == "exact" or not s.needs_local)],
)
def test_permuting_tasks_permutes_nothing_else(name: str, aggregator: str) -> None:
    order = [2, 0, 1]
    case = problem(3, batchnorm=True, dropout=0.3)
    found = []
    for permutation in ([0, 1, 2], order):
        network = copy.deepcopy(case.network)
        own = Problem(network, case.x, case.y)
        heads = [network.heads[i] for i in permutation]
        update = MultiTaskUpdate(network.trunk, heads, aggregator=aggregator, sharpness=preset(name), network=network)

        def closure(tasks: Sequence[int], own: Problem = own, names: list[int] = permutation) -> list[Tensor]:
            return own.closure([names[i] for i in tasks])

        torch.manual_seed(1)
        losses = update.backward(closure)
        found.append((losses[torch.tensor(permutation).argsort()], grads(network)))
    torch.testing.assert_close(found[0][0], found[1][0])
    tolerance = 1e-5 if aggregator in ("cagrad", "nash-mtl", "fairgrad", "upgrad", "dualproj") else 1e-9  # solvers
    equal(found[0][1], found[1][1], tolerance)


def test_shared_noise_knows_no_order_of_tasks_either() -> None:
    case = problem(4, batchnorm=True)
    reverse = Problem(copy.deepcopy(case.network), case.x, case.y)
    found = []
    for own, names in ((case, [0, 1, 2, 3]), (reverse, [3, 2, 1, 0])):
        heads = [own.network.heads[i] for i in names]
        update = MultiTaskUpdate(own.network.trunk, heads, sharpness=preset("samo-shared"))
        update.backward(lambda tasks, own=own, names=names: own.closure([names[i] for i in tasks]))  # type: ignore[misc]
        found.append(grads(own.network))
    equal(found[0], found[1], 1e-12)
