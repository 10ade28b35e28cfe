"""The theory of the estimate's angle against simulation, and against its own limits."""

import math

import numpy as np
import pytest

from samo.analysis.parts.spsa_theory import mean_cosine, mean_cosine_by_layer

DRAWS = 4000


def simulated(directions: int, sizes: list[int], g: np.ndarray, g0: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cosines of many estimates with g, [DRAWS], as they are and with every layer scaled to the norm of g_0's."""
    rng = np.random.default_rng(1)
    layer = np.repeat(np.arange(len(sizes)), sizes)
    z = rng.normal(size=(DRAWS, directions, sum(sizes)))
    estimate = np.einsum("nq,nqp->np", z @ g, z)
    norms = np.stack([np.linalg.norm(estimate[:, layer == d], axis=1) for d in range(len(sizes))], axis=1)
    wanted = np.array([np.linalg.norm(g0[layer == d]) for d in range(len(sizes))])
    scaled = estimate * (wanted / norms)[:, layer]
    both = [v @ g / np.linalg.norm(v, axis=1) / np.linalg.norm(g) for v in (estimate, scaled)]
    return both[0], both[1]


@pytest.mark.parametrize(("directions", "sizes"), [(1, [1]), (16, [2, 3]), (1, [1, 1, 8]), (16, [50, 30, 20])])
def test_both_means_are_those_of_simulation(directions: int, sizes: list[int]) -> None:
    rng = np.random.default_rng(sum(sizes))
    factors = np.repeat(np.linspace(0.3, 2, len(sizes)), sizes)
    g, g0 = rng.normal(size=sum(sizes)) * factors, rng.normal(size=sum(sizes))
    plain, layered = simulated(directions, sizes, g, g0)
    error = 4.5 / math.sqrt(DRAWS)  # standard errors
    assert float(mean_cosine(directions, sum(sizes))) == pytest.approx(plain.mean(), abs=error * plain.std() + 1e-12)
    layer = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])
    norms = [[float(np.linalg.norm(v[part])) for part in layer] for v in (g, g0)]
    # Beside the noise of simulation, the 4 % that the formula itself claims.
    allowed = error * layered.std() + 0.04 * layered.mean() + 1e-12
    assert mean_cosine_by_layer(directions, sizes, *norms) == pytest.approx(layered.mean(), abs=allowed)


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
