"""What sharpness adds on several datasets: only what can be compared over all of them, each panel with its seeds."""

import re

import pytest

from samo.figures import gains
from samo.figures.style import svg
from samo.results import tables
from tests.made import made_run

METHODS = ["stl", "ls", "samo-ls", "mgda", "samo-mgda"]


@pytest.fixture(scope="module")
def mains():
    whole = tables.main({method: made_run(method) for method in METHODS})
    part = tables.main({method: made_run(method, "scenes") for method in METHODS[:3]})
    return {"multimnist": whole, "scenes": part}


def test_methods_that_not_every_dataset_has_are_left_out(mains):
    found = gains.table(mains)
    assert list(found["method"]) == ["samo-ls", "samo-ls"]
    assert set(gains.table({"multimnist": mains["multimnist"]})["method"]) == {"samo-ls", "samo-mgda"}
    row = mains["multimnist"].query("method == 'samo-ls'").iloc[0]
    assert found["gain"].iloc[0] == row["gain"]
    assert gains.table({}).empty


def test_a_panel_a_dataset_with_its_seeds(mains):
    found = gains.table(mains)
    text = svg(lambda: gains.draw(found))
    assert text == svg(lambda: gains.draw(found))
    words = " ".join(re.findall(r">([^<>]+)</t", text))
    for part in ("Multi-MNIST", "Scenes", "3 seeds", "SAMO", "LS", "sharpness helps"):
        assert part in words
    assert "scenes samo-ls" in gains.describe(found)
