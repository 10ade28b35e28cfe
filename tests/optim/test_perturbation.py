"""Balls, mixtures and the way home."""

from typing import Any

import pytest
import torch

from samo.optim.perturbation import Weights, add_flat_, all_finite, mixed, orthogonal_part, safe_ratio, to_radius_


def vector(*rows: list[float]) -> list[torch.Tensor]:
    return [torch.tensor(row, dtype=torch.float64) for row in rows]


def flat(v: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat([part.flatten() for part in v])


def test_a_vector_reaches_the_surface_of_its_ball() -> None:
    v, theta = vector([3.0, 0.0], [4.0]), vector([1.0, 1.0], [1.0])
    torch.testing.assert_close(flat(to_radius_(v, theta, 0.1)), torch.tensor([0.06, 0, 0.08], dtype=torch.float64))
    each = to_radius_(vector([3.0, 0.0], [-4.0]), theta, 0.1, ball="layer")
    torch.testing.assert_close(flat(each), torch.tensor([0.1, 0, -0.1], dtype=torch.float64))


def test_the_adaptive_ball_is_asam() -> None:
    v, theta = torch.tensor([3.0, -1.0, 2.0]), torch.tensor([0.5, -2.0, 0.0])
    wanted = 0.1 * theta**2 * v / (theta.abs() * v).norm()
    torch.testing.assert_close(to_radius_([v.clone()], [theta], 0.1, adaptive=True)[0], wanted)


def test_a_zero_gradient_moves_nothing() -> None:
    theta = vector([1.0, 1.0], [1.0])
    assert not flat(to_radius_(vector([0.0, 0.0], [0.0]), theta, 0.1)).any()
    assert flat(to_radius_(vector([0.0, 0.0], [2.0]), theta, 0.1, ball="layer")).tolist() == [0.0, 0.0, 0.1]
    assert safe_ratio(torch.tensor(1.0), torch.tensor(1e-45)) == 0  # too small to divide by


@pytest.mark.parametrize(
    ("normalise", "wanted"),
    [
        ("none", [1 - 3, 0.0, 0.0 - 4]),  # 0.5 g0 + 0.5 c v
        ("layer", [1 - 1, 0.0, 0.0]),  # a layer where g0 is 0 gets nothing
        ("global", [1 - 0.6, 0.0, -0.8]),
    ],
)
def test_the_mix_keeps_the_sign_and_takes_g0s_size(normalise: Any, wanted: list[float]) -> None:
    """Equal losses at both probes leave g_0 alone."""
    z, g0 = vector([3.0, 0.0], [4.0]), vector([2.0, 0.0], [0.0])
    coefficient = torch.tensor(-2.0, dtype=torch.float64)
    for alpha in (0.5, torch.tensor(0.5, dtype=torch.float64)):
        v = mixed(g0, z, coefficient, alpha, normalise)
        torch.testing.assert_close(flat(v), torch.tensor(wanted, dtype=torch.float64))
        torch.testing.assert_close(flat(mixed(g0, z, 0 * coefficient, alpha, normalise)), 0.5 * flat(g0))


def test_every_head_has_its_own_ball() -> None:
    v = vector([3.0], [4.0], [0.0, 2.0], [0.0])
    eps = to_radius_(v, v, 0.5, ball=[0, 0, 1, 2])
    assert flat(eps).tolist() == pytest.approx([0.3, 0.4, 0.0, 0.5, 0.0])


def test_the_flat_part_is_orthogonal_and_scaled() -> None:
    g, s = vector([1.0, 0.0], [0.0]), vector([2.0, 3.0], [4.0])
    f = orthogonal_part(s, g)
    assert flat(f).tolist() == [0.0, 3.0, 4.0]
    assert flat(orthogonal_part(s, vector([0.0, 0.0], [0.0]))).tolist() == [2.0, 3.0, 4.0]
    v = vector([2.0, 0.0], [0.0])
    add_flat_(v, f, 0.5)
    assert flat(v).tolist() == pytest.approx([2.0, 0.6, 0.8])


def test_the_way_home_is_a_copy() -> None:
    weights = torch.rand(1000, generator=torch.Generator().manual_seed(0))
    params = [weights.clone()]
    point = Weights(params)
    with point.moved([torch.full((1000,), 1e6)], scale=-0.3):
        assert (params[0] < 0).all()
    assert torch.equal(params[0], weights)
    with pytest.raises(KeyError), point.moved([torch.ones(1000)]):
        raise KeyError
    assert torch.equal(params[0], weights)


def test_a_step_that_16_bits_round_off_is_refused() -> None:
    params = [torch.ones(100, dtype=torch.bfloat16)]
    weights, direction = Weights(params), [torch.ones(100)]
    with weights.moved(direction, 0.0625):
        assert (params[0] == 1.0625).all()
    with (
        pytest.raises(ValueError, match=r"lost in the rounding of torch.bfloat16 weights"),
        weights.moved(direction, 1e-3),
    ):
        pass
    assert (params[0] == 1).all()


def test_one_element_that_is_not_finite_is_seen() -> None:
    v = [torch.ones(3), torch.ones(2, 2), torch.ones(0)]
    assert all_finite(v, [None])
    for bad in (float("nan"), float("inf"), -float("inf")):
        v[1][1, 0] = bad
        assert not all_finite([None], v)
