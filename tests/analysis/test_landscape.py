"""Directions in the weights' own scale, and losses along them against their closed forms."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from samo.analysis.landscape import Options, direction, first_batches, landscape, mean_losses, places
from samo.training.problem import Problem
from tests.problems import Rows, study_problem

CPU = torch.device("cpu")
OPTIONS = Options(points=5, grid=3, span=0.5, examples=4)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def squares(n: int, at_most: int | None = None, present: Any = None) -> Problem:
    """On the numbers 0 … n - 1: task i's loss is (i + 1) ||theta||^2 + the mean of the batch's numbers."""

    def forward(network: nn.Module, batch: Tensor, tasks: Sequence[int]) -> list[Tensor]:
        size = torch.stack([(p**2).sum() for p in network.parameters()]).sum()
        return [(i + 1) * size + batch for i in tasks]

    return study_problem(
        tasks=("a", "b"),
        network=lambda: nn.Sequential(nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3), nn.Linear(4, 5)).double(),
        forward=forward,
        loss=lambda task, output, batch: output.mean(),
        splits={"train": Rows(torch.arange(float(n), dtype=torch.float64), at_most=at_most)},
        present=present,
    )


def network() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return squares(1).network()


def test_every_filter_has_the_norm_of_its_weights_and_what_has_none_or_is_zero_stays() -> None:
    made = network()
    named = {name: p.detach() for name, p in made.named_parameters()}
    named["0.weight"][1] = 0.0
    one, other = (dict(zip(named, direction(list(named.values()), generator(seed)), strict=True)) for seed in (0, 1))
    for name, weight in named.items():
        assert one[name].shape == weight.shape
        if name in ("0.weight", "2.weight"):
            torch.testing.assert_close(one[name].flatten(1).norm(dim=1), weight.flatten(1).norm(dim=1))
            assert not torch.equal(one[name], weight)
            assert not torch.equal(one[name], other[name])
        else:
            assert not one[name].any()


def test_a_quadratic_gives_exact_parabolas_and_the_weights_come_back_bit_for_bit() -> None:
    problem, made = squares(4), network()
    params, draws = list(made.parameters()), generator(7)
    before = [p.detach().clone() for p in params]
    batches = list(problem.splits["train"].batches(4, CPU))
    found = landscape(problem, made, batches, OPTIONS, 7, plane=True)
    assert list(found.columns) == ["task", "x", "y", "loss"]
    theta, d, e = (
        torch.cat([part.flatten() for part in v]) for v in (before, *(direction(params, draws) for _ in "de"))
    )
    for i, task in enumerate("ab"):
        here = found[found["task"] == task]
        assert list(zip(here["x"], here["y"], strict=True)) == places(OPTIONS, plane=True)
        moved = [theta + x * d + y * e for x, y in places(OPTIONS, plane=True)]
        assert here["loss"].tolist() == pytest.approx([(i + 1) * float(point @ point) + 1.5 for point in moved])
    assert all(torch.equal(p, q) for p, q in zip(params, before, strict=True))


def test_examples_count_alike_in_batches_of_any_size_and_there_are_as_many_as_are_wanted() -> None:
    problem, made = squares(10, at_most=4), network()
    assert [[len(b) for b in first_batches(problem, made, n, CPU)] for n in (3, 5)] == [[3], [4, 4]]
    batches = first_batches(problem, made, 10, CPU)
    assert [len(batch) for batch in batches] == [4, 4, 2]
    size = sum(float((p.detach() ** 2).sum()) for p in made.parameters())
    assert mean_losses(problem, made, batches).tolist() == pytest.approx([size + 4.5, 2 * size + 4.5])


def test_tasks_with_examples_of_their_own() -> None:
    """Task b comes in the first batch alone: its mean is over that one."""
    problem = squares(8, at_most=4, present=lambda batch: [0, 1] if batch[0] == 0 else [0])
    batches = first_batches(problem, network(), 8, CPU)
    assert len(batches) == 2
    losses = mean_losses(problem, network(), batches)
    assert float(2 * losses[0] - losses[1]) == pytest.approx(2 * 3.5 - 1.5)
    only_a = mean_losses(problem, network(), batches[1:])
    assert only_a[0].isfinite()
    assert only_a[1].isnan()


def test_the_line_lies_on_y_0_and_no_place_comes_twice() -> None:
    line, plane = places(OPTIONS, plane=False), places(OPTIONS, plane=True)
    assert line == [(-0.5, 0.0), (-0.25, 0.0), (0.0, 0.0), (0.25, 0.0), (0.5, 0.0)]
    assert plane[:5] == line
    assert len(plane) == len(set(plane)) == 5 + 6
    assert {(x, y) for x in (-0.5, 0.0, 0.5) for y in (-0.5, 0.0, 0.5)} <= set(plane)
    awkward = places(Options(points=7, grid=13, span=0.7), plane=True)
    xs = sorted({x for x, _ in awkward})
    assert min(b - a for a, b in pairwise(xs)) > 0.01
    assert "-0.0" not in str(awkward)


@pytest.mark.parametrize(
    ("fields", "told"),
    [({"points": 4}, "odd"), ({"span": 0.0}, "greater than 0"), ({"plane": ["sam"]}, "'sam' is none of none, gsam")],
)
def test_settings_out_of_range_are_named(fields: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Options.model_validate(fields)
