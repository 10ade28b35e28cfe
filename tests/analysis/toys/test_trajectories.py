"""Walks over the toys: what can be said in closed form, and what the tables hold."""

import pytest
import torch

from samo import preset
from samo.analysis.toys import trajectories
from samo.analysis.toys.losses import TOYS
from tests.figures.made_toys import made_trajectories

QUADRATICS = TOYS["quadratics"]
GOAL = torch.tensor([2 / 3, 1 / 3], dtype=torch.float64)


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
    assert trajectories.distance(torch.tensor([2.0, -4.0], dtype=torch.float64), front) == pytest.approx(3.0, abs=1e-12)


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
