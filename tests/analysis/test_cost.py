"""The count of passes is the passes made; the measured figures are of the right kind."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from samo import PRESETS, MultiTaskUpdate, Sharpness, preset
from samo.analysis.cost import Cost, Method, measure, passes, peak_memory, table
from tests.problems import Problem, problem


def counted(case: Problem, aggregator: str, sharpness: Sharpness, steps: int) -> float:
    """Forward passes, and twice the backward passes through the trunk, a step; the first step is not counted."""
    forwards, backwards = 0, 0

    def count(grad: Tensor) -> None:
        nonlocal backwards
        backwards += 1

    def closure(tasks: Sequence[int]) -> list[Tensor]:
        nonlocal forwards
        forwards += 1
        features = case.network.trunk.first(case.x)[:, :4]
        if features.requires_grad:
            features.register_hook(count)
        return [(1 + i) * F.mse_loss(case.network.heads[i](features), case.y[i]) for i in tasks]

    update = MultiTaskUpdate(case.network.trunk.first, case.network.heads, aggregator=aggregator, sharpness=sharpness)
    for _ in range(steps):
        update.backward(closure)
    return (forwards + 2 * backwards) / steps


FIELDS: list[dict[str, Any]] = [
    *({}, {"every": 3}, {"probe": "one-sided"}, {"probe": "one-sided", "probe_statistics": "batch"}),
    *({"directions": 2}, {"normalise": "none"}),
]


@pytest.mark.parametrize("name", PRESETS)
def test_the_count_is_what_is_made(name: str) -> None:
    for fields, aggregator in product(FIELDS, ("ls", "mgda")):
        case, sharpness = problem(5), preset(name, **fields)
        expected = passes(sharpness, 5, scalarised=aggregator == "ls")
        assert counted(case, aggregator, sharpness, 3 if sharpness.every > 1 else 1) == expected, (fields, aggregator)


def test_measuring_leaves_weights_alone_and_knows_every_method() -> None:
    case = problem(2)
    before = [p.clone() for p in case.network.parameters()]
    methods = [Method(name, "ls", preset(name)) for name in ("none", "gsam", "samo-shared")]
    costs = measure(case.network.trunk, list(case.network.heads), case.closure, methods, repeats=2)
    assert [cost.method for cost in costs] == ["LS", "none", "gsam", "samo-shared"]
    assert [round(cost.count_ratio, 2) for cost in costs] == [1, 1, 2, 3.67]
    assert all(cost.seconds > 0 and cost.ratio_low <= cost.ratio <= cost.ratio_high for cost in costs)
    assert all(cost.memory > 0 for cost in costs)
    assert costs[0].copies == 0
    assert costs[2].copies > 0
    assert all(torch.equal(p, q) for p, q in zip(before, case.network.parameters(), strict=True))


def test_peak_memory_counts_what_is_held_at_a_time() -> None:
    def step() -> None:
        for _ in range(3):
            kept = torch.zeros(1000, dtype=torch.float64)
            del kept
        pair = [torch.zeros(500, dtype=torch.float64) for _ in range(3)]
        del pair

    assert peak_memory(step, torch.device("cpu")) == 12_000


def test_loading_hides_a_part_of_the_extra_time() -> None:
    seconds = {"LS": 9, "ls": 2, "samo-ls": 5, "mgda": 4}
    costs = [Cost(name, t, 1.0, 1.0, 1.0, 1.0, 0, 0.0) for name, t in seconds.items()]
    found = table(costs, {"samo-ls": "ls"}, loading=1.0).set_index("method")
    assert found.loc["samo-ls", "extra_percent"] == 150
    assert found["extra_percent"].isna().tolist() == [True, False, True]
    assert found.loc["samo-ls", "extra_percent_loaded"] == 100
    assert found[["step_ms", "loading_ms"]].iloc[0].tolist() == [2000, 1000]
