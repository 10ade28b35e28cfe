"""What must come out equal, bit for bit where nothing but the path differs."""

import copy
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from samo import PRESETS, MultiTaskUpdate, Sharpness, aggregation, preset
from tests.optim.transcriptions import Model, to_radius
from tests.problems import Problem, grads, problem, same

TRAITS: dict[str, Any] = {"batchnorm": True, "dropout": 0.3, "branches": True}
RANDOM = ("rlw", "pcgrad", "gradvac", "graddrop")
SOLVERS = ("cagrad", "nash-mtl", "fairgrad", "upgrad", "dualproj")


def step(case: Problem, sharpness: Sharpness, aggregator: str = "ls", order: Sequence[int] | None = None) -> Any:
    """The losses by head, the gradients that a step leaves, and how often the closure was called.

    The random state is the same for each; the heads are given in this order.
    """
    network = copy.deepcopy(case.network)
    own, order = Problem(network, case.x, case.y), range(case.tasks) if order is None else order
    calls: list[int] = []

    def closure(tasks: Sequence[int]) -> list[Tensor]:
        calls.append(len(tasks))
        return own.closure([order[i] for i in tasks])

    torch.manual_seed(1)  # the update's own generator follows it
    heads = [network.heads[i] for i in order]
    update = MultiTaskUpdate(network.trunk, heads, aggregator=aggregator, sharpness=sharpness, network=network)
    losses = update.backward(closure)
    return [losses[torch.tensor(order).argsort()], *grads(network)], len(calls)


@pytest.mark.parametrize("name", PRESETS)
def test_no_radius_is_no_sharpness(name: str) -> None:
    case = problem(3, **TRAITS)
    for aggregator in ("rlw", "pcgrad"):
        same(step(case, preset(name, rho=0.0), aggregator)[0], step(case, preset("none"), aggregator)[0])


def test_all_weight_on_the_mean_gradient_is_gsam() -> None:
    case = problem(3, **TRAITS)
    for aggregator in ("ls", "mgda", "pcgrad"):
        wanted, _ = step(case, preset("gsam"), aggregator)
        for name in (n for n, s in PRESETS.items() if s.scope == "joint"):
            same(step(case, preset(name, alpha=1.0), aggregator)[0], wanted)


def test_lsam_is_fmtl_direct() -> None:
    assert preset("lsam") == preset("fmtl-direct")


@pytest.mark.parametrize("name", ["gsam", "lsam", "fmtl"])
def test_one_task_is_plain_sam(name: str) -> None:
    case = problem(1, batchnorm=True)
    torch.manual_seed(1)
    model = Model(case)
    g, h = model.gradients(0, model.theta, model.phi[0])
    wanted = model.gradients(0, model.theta + to_radius(0.05, g), model.phi[0] + to_radius(0.05, h))
    for aggregator in ("ls", "mean", "mgda"):
        found, _ = step(case, preset(name), aggregator)
        flat = torch.cat([grad.flatten() for grad in found[1:]])
        torch.testing.assert_close(flat, torch.cat(wanted), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("fields", [{}, {"normalise": "global"}, {"estimator": "random"}, {"probe": "one-sided"}])
def test_two_points_are_as_good_as_one_a_task(fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    sharpness = preset("samo-shared", **fields)
    cases = [(problem(tasks, **TRAITS), aggregator) for tasks in (2, 5) for aggregator in ("uw", "pcgrad")]
    together = [step(case, sharpness, aggregator) for case, aggregator in cases]
    monkeypatch.setattr("samo.optim.estimators._alike", lambda s, coefficients: [[n] for n in range(len(coefficients))])
    for (case, aggregator), (found, few) in zip(cases, together, strict=True):
        apart, calls = step(case, sharpness, aggregator)
        assert calls >= few
        assert calls > few or case.tasks == 2
        same(found, apart, 1e-12)


@pytest.mark.parametrize(
    ("name", "aggregator"),
    [("fmtl", n) for n in aggregation.NAMES if n not in RANDOM]
    + [(n, "mgda") for n, s in PRESETS.items() if n != "fmtl" and (s.estimator == "exact" or not s.needs_local)]
    + [("samo-shared", "ls")],
)
def test_permuting_tasks_permutes_nothing_else(name: str, aggregator: str) -> None:
    case = problem(3, batchnorm=True, dropout=0.3)
    tolerance = 1e-5 if aggregator in SOLVERS else 1e-9
    same(step(case, preset(name), aggregator)[0], step(case, preset(name), aggregator, [2, 0, 1])[0], tolerance)
