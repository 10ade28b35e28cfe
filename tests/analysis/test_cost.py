"""The count of passes is the passes made; the measured figures are of the right kind."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from samo import PRESETS, MultiTaskUpdate, Sharpness, preset
from samo.analysis.cost import measure, passes, peak_memory, table
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

    trunk, heads, draws = case.network.trunk.first, case.network.heads, torch.Generator().manual_seed(0)
    update = MultiTaskUpdate(trunk, heads, aggregator=aggregator, sharpness=sharpness, generator=draws)
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
    methods = {name: ("ls", preset(name)) for name in ("none", "gsam", "samo-shared")}
    costs = measure(case.network.trunk, list(case.network.heads), case.closure, methods, repeats=2)
    assert costs["method"].tolist() == ["LS", "none", "gsam", "samo-shared"]
    assert costs["count_ratio"].round(2).tolist() == [1, 1, 2, 3.67]
    assert (costs[["seconds", "memory"]] > 0).all(axis=None)
    assert (costs["ratio_low"].le(costs["ratio"]) & costs["ratio"].le(costs["ratio_high"])).all()
    assert costs["copies"][0] == 0 < costs["copies"][2]
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
    costs = pd.DataFrame({"method": ["LS", "ls", "samo-ls", "mgda"], "seconds": [9, 2, 5, 4]})
    costs = costs.assign(ratio=1.0, ratio_low=1.0, ratio_high=1.0, count_ratio=1.0, memory=0)
    found = table(costs, {"samo-ls": "ls"}, loading=1.0).set_index("method")
    assert found.loc["samo-ls", "extra_percent"] == 150
    assert found["extra_percent"].isna().tolist() == [True, False, True]
    assert found.loc["samo-ls", "extra_percent_loaded"] == 100
    assert found[["step_ms", "loading_ms"]].iloc[0].tolist() == [2000, 1000]
