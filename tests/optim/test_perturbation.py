"""What the step's own tests do not meet: gradients of zero, and numbers that are none."""

import math

import pytest
import torch

from samo.optim.perturbation import Vector, all_finite, mixed, safe_ratio, to_radius_


def vector(*rows: list[float]) -> Vector:
    return [torch.tensor(row, dtype=torch.float64) for row in rows]


def test_a_zero_gradient_moves_nothing() -> None:
    theta, nothing = vector([1, 1], [1]), vector([0, 0], [0])
    assert not any(part.any() for part in to_radius_(vector([0, 0], [0]), theta, 0.1))
    assert [part.tolist() for part in to_radius_(vector([0, 0], [2]), theta, 0.1, ball="layer")] == [[0, 0], [0.1]]
    assert [part.tolist() for part in to_radius_(vector([0, 0], [2]), theta, 0.1, ball=[0, 1])] == [[0, 0], [0.1]]
    one = torch.tensor(1.0, dtype=torch.float64)
    assert not any(part.any() for part in mixed(nothing, vector([3, 0], [4]), one, 0.5, "layer"))
    assert safe_ratio(torch.tensor(1.0), torch.tensor(1e-45)) == 0  # too small to divide by


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_one_element_that_is_not_finite_is_seen(bad: float) -> None:
    v = [torch.ones(3), torch.ones(2, 2), torch.ones(0)]
    assert all_finite(v, [None])
    v[1][1, 0] = bad
    assert not all_finite([None], v)
