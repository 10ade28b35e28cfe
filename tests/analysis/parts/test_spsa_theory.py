"""The limits of the theory of the estimate's angle; tests/analysis/test_probe.py holds real estimates to it."""

import math

import pytest

from samo.analysis.parts.spsa_theory import mean_cosine, mean_cosine_by_layer


def test_limits_that_are_known() -> None:
    assert float(mean_cosine(7, 1)) == pytest.approx(1)
    assert float(mean_cosine(1, 2)) == pytest.approx(2 / math.pi)  # a random line in the plane
    P = 1e6
    assert float(mean_cosine(1, P)) == pytest.approx(math.sqrt(2 / (math.pi * P)), rel=1e-5)
    assert float(mean_cosine(500, P)) == pytest.approx(math.sqrt(500 / (P + 499)), rel=1e-3)
    assert float(mean_cosine(1e7, 100)) == pytest.approx(1, abs=1e-4)
    assert mean_cosine([1, 4], [100, 100]).shape == (2,)


def test_one_layer_is_as_without_normalisation_and_a_gradient_of_zero_has_no_angle() -> None:
    assert mean_cosine_by_layer(3, [40], [0.2], [7.0]) == pytest.approx(float(mean_cosine(3, 40)))
    assert mean_cosine_by_layer(1, [3, 4], [0, 0], [1, 1]) == mean_cosine_by_layer(1, [3, 4], [1, 1], [0, 0]) == 0
