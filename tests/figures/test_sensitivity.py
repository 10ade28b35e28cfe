"""The figure of variants: a panel a field and aggregator, the default ringed at zero, the base a band."""

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from samo.figures import sensitivity
from samo.figures.palette import colour
from samo.figures.style import svg
from samo.results.sensitivity import table
from tests.made import made_run, made_variant

MAIN = {method: made_run(method) for method in ("stl", "ls", "samo-ls", "mgda", "samo-mgda", "fmtl-mgda")}
VARIANTS = [
    made_variant("samo-ls", "a", {"alpha": 0.1}, gain=2.0),
    made_variant("samo-ls", "b", {"alpha": 0.9}, gain=-1.0, noise=0.2),
    made_variant("samo-ls", "c", {"normalise": "none"}, gain=-1.5, noise=0.2),
    made_variant("samo-ls", "d", {"alpha": 0.2, "mu": 0.1}),
    made_variant("samo-mgda", "e", {"rho": 0.5}, gain=0.2),
    made_variant("fmtl-mgda", "f", {"rho": 0.3}, gain=0.1),
    made_variant("fmtl-mgda", "g", {"rho": 3.0}, gain=-0.5),
]
FOUND = table(MAIN, {run["method"]: run for run in VARIANTS})


def panels(frame: pd.DataFrame) -> list[Axes]:
    return [axes for axes in sensitivity.draw(frame).axes if axes.axison]


def lines(axes: Axes, name: str) -> list[Line2D]:
    return [line for line in axes.get_lines() if line.get_label() == name]


def ringed(axes: Axes) -> list[list[float]]:
    """Where the defaults are marked."""
    return [point for ring in lines(axes, "default") for point in np.asarray(ring.get_xydata()).tolist()]


def test_a_panel_a_field_numbers_at_themselves_words_side_by_side_and_none_for_two_changes():
    alpha, normalise, rho = panels(FOUND)
    assert [axes.get_title(loc="left") or axes.get_title() for axes in (alpha, normalise, rho)] == ["LS", "LS", "MGDA"]
    assert ringed(alpha) == [[0.5, 0.0]]
    [line] = lines(alpha, "SAMO")
    assert np.asarray(line.get_xdata()).tolist() == [0.1, 0.5, 0.9]
    assert np.asarray(line.get_ydata()) == pytest.approx(FOUND.loc[FOUND["field"] == "alpha", "shift"].to_numpy())
    assert alpha.get_xscale() == "linear"
    assert [word.get_text() for word in normalise.get_xticklabels()] == ["layer", "none"]
    assert ringed(normalise) == [[0.0, 0.0]]
    [points] = lines(normalise, "SAMO")
    assert points.get_linestyle() == "None"  # no line from word to word
    assert rho.get_xscale() == "log"
    assert len(ringed(rho)) == 2
    assert [line.get_color() for line in lines(rho, "SAMO") + lines(rho, "F-MTL")] == [colour("samo"), colour("fmtl")]


def test_a_point_far_off_is_written_out_and_does_not_flatten_the_others():
    far = FOUND.copy()
    far.loc[far["method"] == "c", ["shift", "shift_low", "shift_high"]] = [90.0, 80.0, 100.0]
    assert "90.0 ↑" in svg(lambda: sensitivity.draw(far))
    assert sensitivity.draw(far).axes[0].get_ylim()[1] < 50


def test_its_words():
    drawn = svg(lambda: sensitivity.draw(FOUND))
    words = ("SAMO", "F-MTL", "default", "α, weight of the mean gradient", "normalisation")
    assert all(word in drawn for word in words)
    assert "↑" not in drawn
    said = sensitivity.describe(FOUND)
    assert re.search(r"samo ls alpha 0\.1 -2\.\d\d \(-2\.\d\d to -2\.\d\d\)", said)
    assert "alpha 0.5" not in said
    assert said.count(" to ") == 6  # not the condition with two changes


def test_one_seed_has_points_without_intervals():
    runs = {name: run | {"seeds": {"0": run["seeds"]["0"]}} for name, run in MAIN.items()}
    single = table(runs, {"a": VARIANTS[0] | {"seeds": {"0": VARIANTS[0]["seeds"]["0"]}}})
    assert single["shift_low"].isna().all()
    assert sensitivity.draw(single)
    assert sensitivity.draw(table(MAIN, {}))
