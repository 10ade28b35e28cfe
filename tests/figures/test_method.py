"""The drawing of SAMO's step: its vectors are those of the formulas, worked out here in closed form."""

import numpy as np
import pandas as pd
import pytest

from samo.figures import method


@pytest.fixture(scope="module")
def arrows() -> pd.DataFrame:
    return method.step()


def vectors(arrows, what):
    """The vectors of a kind, [n, 2], task by task."""
    return arrows.loc[arrows["what"] == what, ["dx1", "dx2"]].to_numpy(float)


def test_estimates_have_the_mean_gradients_length_and_lie_on_the_gradients_side(arrows):
    [mean] = vectors(arrows, "mean gradient")
    assert mean == pytest.approx([-1.0, -0.5])  # of (x1 - 2)^2 + 0.5 (x2 + 1)^2 and 0.5 (x1 + 2)^2 + (x2 - 1)^2 at 0
    true = vectors(arrows, "true gradient")
    assert true == pytest.approx(np.array([[-4.0, 1.0], [2.0, -2.0]]))
    local = vectors(arrows, "local estimate")
    assert np.linalg.norm(local, axis=1) == pytest.approx(np.linalg.norm(mean), abs=1e-5)
    for one, z, g in zip(local, method.NOISE, true, strict=True):
        assert one @ np.array([-z[1], z[0]]) == pytest.approx(0, abs=1e-5)  # along z, one way or the other
        assert np.sign(one @ z) == np.sign(np.array(z) @ g)  # on quadratics the probe's slope is exact


def test_perturbations_mix_both_and_reach_the_ball(arrows):
    moved = vectors(arrows, "perturbation")
    assert np.linalg.norm(moved, axis=1) == pytest.approx(method.RHO, abs=1e-5)
    [mean] = vectors(arrows, "mean gradient")
    mix = method.ALPHA * mean + (1 - method.ALPHA) * vectors(arrows, "local estimate")
    assert moved == pytest.approx(method.RHO * mix / np.linalg.norm(mix, axis=1, keepdims=True), abs=1e-5)


def test_the_step_goes_down_the_sum_of_gradients_at_the_perturbed_weights(arrows, monkeypatch):
    [step] = vectors(arrows, "step")
    assert step == pytest.approx(-method.RATE * vectors(arrows, "gradient there").sum(axis=0), abs=1e-5)
    monkeypatch.setattr(method, "RHO", 1e-9)
    [still] = vectors(method.step(), "step")
    assert still == pytest.approx([method.RATE * 2, method.RATE * 1])  # minus (-4 + 2, 1 - 2)
    assert np.linalg.norm(step - still) > 0.1
