"""J -> direction."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torchjd.aggregation import GramianWeightedAggregator, Weighting

from samo import aggregation
from samo.aggregation import combine, make

GRADIENT_BASED = [n for n in aggregation.NAMES if n not in aggregation.SCALARISERS]
J = torch.randn(3, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", GRADIENT_BASED)
def test_the_gramian_path_is_the_aggregators_own(name: str) -> None:
    found = []
    for call in (lambda a: combine(a, J)[0], lambda a: a(J)):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            found.append(call(make(name, tasks=3)))
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("name", GRADIENT_BASED)
def test_no_gradient_gives_no_direction(name: str) -> None:
    aggregator: Any = make(name, tasks=2)
    direction, *_ = combine(aggregator, torch.zeros(2, 5, dtype=torch.float64))
    assert torch.equal(direction, torch.zeros(5, dtype=torch.float64))


def test_weights_that_are_not_finite_are_an_error() -> None:
    class Nowhere(Weighting[Tensor]):
        def forward(self, gramian: Tensor, /) -> Tensor:
            return gramian[0] * float("nan")

    with pytest.raises(FloatingPointError, match="nan"):
        combine(GramianWeightedAggregator(Nowhere()), J)
