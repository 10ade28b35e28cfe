"""Delta-m and its parts, on numbers that can be done by hand."""

import numpy as np
import pytest

from samo.results import tables
from samo.study.tracking.rebuild import scores
from tests.made import made_run

METRICS = [
    {"task": "left", "metric": "accuracy", "higher_is_better": True, "unit": "%"},
    {"task": "right", "metric": "error", "higher_is_better": False, "unit": ""},
]


def run(method, values):
    """A run with these values of its two metrics, seed by seed."""
    seeds = {str(s): {"left": {"accuracy": x}, "right": {"error": y}} for s, (x, y) in enumerate(values)}
    return made_run(method) | {"metrics": METRICS, "seeds": seeds}


STL = run("stl", [(80.0, 1.0), (120.0, 3.0)])  # means 100 and 2
LS = run("ls", [(90.0, 2.2), (100.0, 2.0)])
SAMO = run("samo-ls", [(95.0, 2.0), (110.0, 1.8)])


def test_parts_add_up_and_the_mean_is_that_of_the_main_table():
    runs = {"stl": STL, "ls": LS, "samo-ls": SAMO}
    found = scores(runs)
    first = found["ls"]["0"]
    # 90 of 100 is 10 % worse, 2.2 of 2 is 10 % worse.
    names = ("delta_m/left/accuracy", "delta_m/right/error", "delta_m")
    assert [first[name] for name in names] == pytest.approx([10, 10, 10])
    assert first["reported/left/accuracy"] == 90
    assert found["ls"]["1"]["delta_m"] == 0
    assert "gain" not in first
    # The base's 10 %, minus 5 % and 0 % of seed 0.
    assert found["samo-ls"]["0"]["gain"] == pytest.approx(10 - 2.5)
    table = tables.main(runs).set_index("method")
    for method, by_seed in found.items():
        assert np.mean([one["delta_m"] for one in by_seed.values()]) == pytest.approx(table.loc[method, "delta_m"])
    gains = [one["gain"] for one in found["samo-ls"].values()]
    assert np.mean(gains) == pytest.approx(table.loc["samo-ls", "gain"])


def test_what_is_not_known_is_left_out():
    assert set(scores({"ls": LS})["ls"]["0"]) == {"reported/left/accuracy", "reported/right/error"}
    assert scores({"stl": None, "ls": None}) == {}
    found = scores({"stl": STL, "ls": run("ls", [(None, 2.0), (90.0, 2.0)])})["ls"]
    assert not found["0"].keys() & {"delta_m", "reported/left/accuracy"}
    assert found["1"]["delta_m"] == pytest.approx(5)
