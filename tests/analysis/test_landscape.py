from itertools import pairwise

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from samo.analysis.landscape import Options, first_batches, landscape, places
from tests.analysis.parts.test_slices import Numbers, network, squares

OPTIONS = Options(points=5, grid=3, span=0.5, examples=4)


def test_the_line_lies_on_y_0_and_no_place_comes_twice() -> None:
    line, plane = places(OPTIONS, plane=False), places(OPTIONS, plane=True)
    assert line == [(-0.5, 0.0), (-0.25, 0.0), (0.0, 0.0), (0.25, 0.0), (0.5, 0.0)]
    assert plane[:5] == line
    assert len(plane) == len(set(plane)) == 5 + 6
    assert {(x, y) for x in (-0.5, 0.0, 0.5) for y in (-0.5, 0.0, 0.5)} <= set(plane)
    awkward = places(Options(points=7, grid=13, span=0.7), plane=True)
    xs = sorted({x for x, _ in awkward})
    assert min(b - a for a, b in pairwise(xs)) > 0.01
    assert "-0.0" not in str(awkward)


def test_losses_of_every_task_at_every_place() -> None:
    problem, made = squares(Numbers(6)), network()
    batches = first_batches(problem, made, 4, torch.device("cpu"))
    table = landscape(problem, made, batches, OPTIONS, 0, plane=True)
    assert list(table.columns) == ["task", "x", "y", "loss"]
    assert table.groupby("task").size().to_dict() == {"a": 11, "b": 11}
    line = table[(table["task"] == "a") & (table["y"] == 0)]
    fit = np.polyfit(line["x"], line["loss"], 2)
    np.testing.assert_allclose(np.polyval(fit, line["x"]), line["loss"], rtol=1e-12)
    filters = [p.detach() for p in made.parameters() if p.ndim > 1]
    assert fit[0] == pytest.approx(sum(float((w**2).sum()) for w in filters))  # ||d||^2 is that of the filters


def test_one_seed_is_one_picture() -> None:
    problem, made = squares(Numbers(4)), network()
    batches = first_batches(problem, made, 4, torch.device("cpu"))
    one, same, other = (landscape(problem, made, batches, OPTIONS, seed, plane=False) for seed in (0, 0, 1))
    assert one.equals(same)
    assert not one.equals(other)
    centre = [float(t.loc[t["x"] == 0, "loss"].iloc[0]) for t in (one, other)]
    assert centre[0] == centre[1]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"points": 4}, "odd"),
        ({"grid": 6}, "odd"),
        ({"span": 0.0}, "greater than 0"),
        ({"sharpness": ["sam"]}, "'sam' is none of none, gsam"),
        ({"plane": ["sam"]}, "'sam' is none of"),
        ({"aggregators": ["lss"]}, "'lss' is none of"),
    ],
)
def test_settings_out_of_range_are_named(fields: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Options.model_validate(fields)


def test_methods_are_chosen_by_what_they_are_made_of() -> None:
    assert OPTIONS.takes("mgda", "samo")
    assert not OPTIONS.takes("mgda", "placebo")
    only = Options(sharpness=["samo"], aggregators=["ls"])
    assert [only.takes(a, s) for a, s in (("ls", "samo"), ("mgda", "samo"), ("ls", "none"))] == [True, False, False]
