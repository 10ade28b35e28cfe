"""The figure of variants: a panel a field and aggregator, the default ringed at zero, the base a band."""

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from samo.figures import sensitivity
from samo.figures.palette import INK, colour
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


@pytest.fixture(scope="module")
def found() -> pd.DataFrame:
    return table(MAIN, {run["method"]: run for run in VARIANTS})


def ringed(axes: Axes) -> list[tuple[float, float]]:
    """Where the defaults are marked."""
    rings = [line for line in axes.get_lines() if line.get_label() == "default"]
    return [(float(x), float(y)) for ring in rings for x, y in np.asarray(ring.get_xydata())]


def lines(axes: Axes, name: str) -> list[Line2D]:
    return [line for line in axes.get_lines() if line.get_label() == name]


def test_a_panel_an_aggregator_and_field_and_none_for_two_changed_fields(found):
    panels = sensitivity.panels(found)
    assert [(p.aggregator, p.field) for p in panels] == [("ls", "alpha"), ("ls", "normalise"), ("mgda", "rho")]
    drawn = [axes for axes in sensitivity.draw(found).axes if axes.axison]
    assert [axes.get_title(loc="left") or axes.get_title() for axes in drawn] == ["LS", "LS", "MGDA"]
    assert not [axes for axes in drawn if "mu" in axes.get_xlabel() or "μ" in axes.get_xlabel()]


def test_numbers_lie_at_themselves_words_side_by_side_and_the_default_is_ringed_at_zero(found):
    alpha, normalise, rho = (axes for axes in sensitivity.draw(found).axes if axes.axison)
    assert ringed(alpha) == [(0.5, 0.0)]
    [line] = lines(alpha, "SAMO")
    assert np.asarray(line.get_xdata()).tolist() == [0.1, 0.5, 0.9]
    assert np.asarray(line.get_ydata()).tolist() == pytest.approx(
        found.loc[found["field"] == "alpha", "shift"].tolist()
    )
    assert alpha.get_xscale() == "linear"
    assert [word.get_text() for word in normalise.get_xticklabels()] == ["layer", "none"]
    assert ringed(normalise) == [(0.0, 0.0)]
    [points] = lines(normalise, "SAMO")
    assert points.get_linestyle() == "None"  # no line from word to word
    assert rho.get_xscale() == "log"
    assert len(ringed(rho)) == 2
    assert [line.get_color() for line in lines(rho, "SAMO") + lines(rho, "F-MTL")] == [colour("samo"), colour("fmtl")]


def test_a_point_far_off_is_written_out_and_does_not_flatten_the_others(found):
    far = found.copy()
    here = far["method"] == "c"
    far.loc[here, ["shift", "shift_low", "shift_high"]] = [90.0, 80.0, 100.0]
    text = svg(lambda: sensitivity.draw(far))
    assert "90.0 ↑" in text
    assert "↑" not in svg(lambda: sensitivity.draw(found))
    assert sensitivity.draw(far).axes[0].get_ylim()[1] < 50


def test_the_same_twice_with_its_words(found):
    first = svg(lambda: sensitivity.draw(found))
    for word in ("SAMO", "F-MTL", "default", "α, weight of the mean gradient", "normalisation"):
        assert word in first
    assert INK in first
    said = sensitivity.describe(found)
    assert re.search(r"samo on ls, alpha 0\.1: -2\.\d\d \(-2\.\d\d to -2\.\d\d\)", said)
    assert "alpha 0.5" not in said
    assert said.count(" on ") == 6  # not the cell with two changes


def test_one_seed_has_points_without_intervals():
    runs = {name: run | {"seeds": {"0": run["seeds"]["0"]}} for name, run in MAIN.items()}
    alone = VARIANTS[0] | {"seeds": {"0": VARIANTS[0]["seeds"]["0"]}}
    single = table(runs, {"a": alone})
    assert single["shift_low"].isna().all()
    assert svg(lambda: sensitivity.draw(single))
    assert svg(lambda: sensitivity.draw(table(MAIN, {})))
