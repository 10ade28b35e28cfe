"""The toys in closed form, fronts that nothing on a grid dominates, and the walks over them."""

import math

import pandas as pd
import pytest
import torch
from torch import Tensor

from samo import preset
from samo.analysis.toys import trajectories
from samo.analysis.toys.losses import TOYS
from tests.figures.made_toys import SHORT, made_trajectories

QUADRATICS, VALLEYS = TOYS["quadratics"], TOYS["valleys"]
GOAL = torch.tensor([2 / 3, 1 / 3], dtype=torch.float64)


def point(x1: float, x2: float) -> Tensor:
    return torch.tensor([x1, x2], dtype=torch.float64)


def gradients(toy, x):
    return torch.autograd.functional.jacobian(toy.values, x)


def test_the_averaged_quadratics_are_a_round_bowl():
    for x in (point(0, 0), point(-3, 2)):
        found, bowl = torch.autograd.functional.hessian(QUADRATICS.mean, x), 1.5 * torch.eye(2, dtype=torch.float64)
        torch.testing.assert_close(found, bowl, rtol=0, atol=1e-14)
    torch.testing.assert_close(gradients(QUADRATICS, GOAL).sum(0), point(0, 0), rtol=0, atol=1e-14)
    torch.testing.assert_close(QUADRATICS.values(GOAL), point(8 / 3, 4), rtol=1e-14, atol=0)


def test_the_valleys_are_the_published_function():
    """Against the formula as CAGrad prints it, in scalars, with the first loss times 0.1."""

    def published(x1, x2):
        c1, c2 = max(math.tanh(0.5 * x2), 0), max(math.tanh(-0.5 * x2), 0)
        f1 = math.log(max(abs(0.5 * (-x1 - 7) - math.tanh(-x2)), 5e-6)) + 6
        f2 = math.log(max(abs(0.5 * (-x1 + 3) + math.tanh(-x2) + 2), 5e-6)) + 6
        g1 = ((-x1 + 7) ** 2 + 0.1 * (-x2 - 8) ** 2) / 10 - 20
        g2 = ((-x1 - 7) ** 2 + 0.1 * (-x2 - 8) ** 2) / 10 - 20
        return 0.1 * (c1 * f1 + c2 * g1), c1 * f2 + c2 * g2

    for start in (*VALLEYS.starts, (1.3, 4.0), (-2.0, -5.0)):
        torch.testing.assert_close(VALLEYS.values(point(*start)), point(*published(*start)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", TOYS)
def test_the_front_goes_from_minimiser_to_minimiser_is_stationary_and_nothing_dominates_it(name):
    toy = TOYS[name]
    front = toy.front(41)
    values = toy.values(front)
    assert (values[1:, 0] > values[:-1, 0]).all()
    assert (values[1:, 1] < values[:-1, 1]).all()
    (left, right), (low, high) = toy.window
    grid = torch.cartesian_prod(*(torch.linspace(*ends, 64, dtype=torch.float64) for ends in toy.window))
    there = toy.values(grid)
    for x, at in zip(front, values, strict=True):
        J = gradients(toy, x)
        # Some convex combination of the two gradients vanishes: they are opposed, or one of them is zero.
        w = ((J[1] - J[0]) @ J[1] / (J[1] - J[0]).square().sum()).clamp(0, 1)
        assert (w * J[0] + (1 - w) * J[1]).norm() < 1e-6
        assert not (there < at - 1e-9).all(-1).any()
    # All of it: what no other point of the grid dominates lies within two of its steps of the front.
    best = torch.tensor([not (there < at).all(-1).any() for at in there])
    assert best.sum() > 10
    step = max(right - left, high - low) / 63
    assert torch.cdist(grid[best], toy.front(400)).amin(1).max() < 2 * step


def on_quadratics(sharpness, rho=0.3, steps=60, lr=0.05, aggregator="ls"):
    shape = preset(sharpness, **({} if sharpness == "none" else {"rho": rho}))
    how = trajectories.Descent(steps=steps, lr=lr, rho=rho)
    return trajectories.trajectory(QUADRATICS, (0.0, 0.0), aggregator, shape, how)


def off_line(path):
    """Distance of each point from the line through the start and the minimiser."""
    along = GOAL / GOAL.norm()
    return (path[:, 0] * along[1] - path[:, 1] * along[0]).abs()


def test_ls_goes_straight_to_the_minimiser_at_the_rate_of_the_hessian():
    path = on_quadratics("none")
    # The sum of the losses has the Hessian 3 I.
    left = (1 - 0.05 * 3) ** torch.arange(61, dtype=torch.float64)
    torch.testing.assert_close(path, GOAL * (1 - left[:, None]), rtol=0, atol=1e-12)


def test_gsam_keeps_to_the_same_line_and_ends_within_lr_times_rho_and_a_local_part_leaves_it():
    lr, rho = 0.05, 1.0
    path = on_quadratics("gsam", rho=rho, steps=120)
    assert off_line(path).max() < 1e-12
    # A step near the goal is lr * 3 (r + rho) for the distance r: it settles into a leap of lr * 3 rho about the goal.
    assert 0.5 * lr * 3 * rho / 2 < (path[-1] - GOAL).norm() <= lr * 3 * rho
    assert off_line(on_quadratics("samo", rho=rho)).max() > 1e-3


def test_under_ls_fmtl_is_lsam():
    assert torch.equal(on_quadratics("lsam"), on_quadratics("fmtl"))
    assert not torch.equal(on_quadratics("lsam", aggregator="mgda"), on_quadratics("fmtl", aggregator="mgda"))


def test_the_end_has_the_curvature_and_the_distance_of_the_closed_form():
    assert trajectories.lambda_max(QUADRATICS, GOAL) == pytest.approx(1.5, abs=1e-12)
    front = QUADRATICS.front(trajectories.FRONT)
    assert trajectories.distance(GOAL, front) < 1e-4
    assert trajectories.distance(point(2, -4), front) == pytest.approx(3.0, abs=1e-12)


def test_a_walk_that_runs_off_ends_in_gaps():
    path = on_quadratics("none", steps=300, lr=1e6)
    assert path[:2].isfinite().all()
    assert path[-1].isnan().all()
    assert torch.tensor(trajectories.lambda_max(QUADRATICS, path[-1])).isnan()
    assert torch.tensor(trajectories.distance(path[-1], QUADRATICS.front(5))).isnan()


def test_the_tables_hold_every_walk_and_the_kept_points():
    paths = made_trajectories()
    each = paths.groupby(["toy", "start", "aggregator", "sharpness"], sort=False)
    assert len(each) == 3 * len(trajectories.AGGREGATORS) * len(trajectories.SHARPNESS)
    assert paths.loc[paths["toy"] == "quadratics", "step"].unique().tolist() == [0, 3, 6, 7]
    assert paths.loc[paths["toy"] == "valleys", "step"].unique().tolist() == [0, 1, 2, 3]
    first = each.head(1)
    assert set(zip(first["x1"], first["x2"], strict=True)) == {(0, 0), (9, 9), (-8.5, 7.5)}
    table = trajectories.ends(paths)
    assert len(table) == len(each)
    assert table[["x1", "loss2"]].equals(each.tail(1)[["x1", "loss2"]].reset_index(drop=True))
    assert set(table["pareto_optimal"]) <= {"yes", "no"}
    assert (table.loc[table["toy"] == "valleys", "pareto_optimal"] == "no").all()
    assert table["lambda_max"].notna().all()


def test_what_was_drawn_before_changes_no_trajectory():
    torch.rand(1)
    pd.testing.assert_frame_equal(trajectories.trajectories(SHORT), made_trajectories())
