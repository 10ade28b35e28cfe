"""The toys' figures and their slider: all trajectories are there, nothing comes from elsewhere, gaps are gaps."""

import re
from xml.etree import ElementTree

import pandas as pd
import pytest

from samo.analysis.toys import trajectories
from samo.analysis.toys.losses import TOYS
from samo.figures import palette, toys
from samo.figures.style import svg
from samo.figures.toy_slider import slider
from tests.figures.made_toys import made_trajectories

FRONTS = trajectories.fronts()


@pytest.mark.parametrize(
    "draw",
    [
        lambda paths: toys.draw_paths(paths, FRONTS),
        lambda paths: toys.draw_outcomes(paths, FRONTS),
        toys.draw_line,
    ],
    ids=["paths", "outcomes", "line"],
)
def test_every_sharpness_has_its_colour_and_the_same_data_the_same_bytes(draw):
    text = svg(lambda: draw(made_trajectories()))
    assert text == svg(lambda: draw(made_trajectories()))
    assert all(palette.colour(name) in text and f">{palette.label(name)}<" in text for name in trajectories.SHARPNESS)
    assert ("FairGrad" in text) == (draw is not toys.draw_line)


def test_panels_are_toys_by_aggregators_and_hold_every_trajectory():
    figure = toys.draw_paths(made_trajectories(), FRONTS)
    assert len(figure.axes) == len(TOYS) * len(trajectories.AGGREGATORS)
    starts = {"quadratics": 1, "valleys": 2}
    for axes, toy in zip(figure.axes, [name for name in TOYS for _ in trajectories.AGGREGATORS], strict=True):
        # The front, and a line and a ring a trajectory.
        assert len(axes.lines) == 1 + 2 * starts[toy] * len(trajectories.SHARPNESS)


def test_the_words_tell_who_leaves_the_line_and_name_every_end_that_there_is():
    said = toys.describe_line(made_trajectories())
    assert all(part in said for part in ("none 0;", "gsam 0;"))
    assert "lsam 0;" not in said
    ends = trajectories.ends(made_trajectories())
    assert toys.describe(ends).count("from the front") == len(ends)
    ends.loc[0, ["x1", "x2", "distance_to_front"]] = None
    assert toys.describe(ends).count("from the front") == len(ends) - 1


def test_contours_are_lines_of_equal_loss():
    import torch

    lines = toys.contours(TOYS["quadratics"], toys.WEIGHTS["quadratics"], points=161)
    assert len(lines) > 5
    for line in lines:
        height = TOYS["quadratics"].mean(torch.as_tensor(line))
        assert height.max() - height.min() < 1e-3


def fragment(toy: str, paths: pd.DataFrame | None = None) -> tuple[str, ElementTree.Element]:
    text = slider(toy, made_trajectories() if paths is None else paths, FRONTS)
    script = re.search(r"<script>(.*)</script>", text, flags=re.DOTALL)
    assert script
    plain = text.replace(script[0], "").replace(" hidden>", ' hidden="">')
    return text, ElementTree.fromstring(re.sub(r"(<input[^>]*)>", r"\1/>", plain))


@pytest.mark.parametrize("toy", TOYS)
def test_the_slider_holds_every_trajectory_to_its_end_before_any_script(toy):
    text, tree = fragment(toy)
    found = tree.findall(".//g[@data-trajectory]")
    paths = made_trajectories()[made_trajectories()["toy"] == toy]
    assert len(found) == len(paths.groupby(["start", "aggregator", "sharpness"]))
    for one in found:
        line, mark = one.find("polyline"), one.find("path")
        assert line is not None
        assert mark is not None
        points = line.attrib["points"].split(" ")
        assert len(points) == paths["step"].nunique()
        assert mark.attrib["transform"] == f"translate({points[-1]})"
    assert len(text) < 150_000


@pytest.mark.parametrize("toy", TOYS)
def test_the_slider_is_labelled_hidden_without_a_script_and_needs_no_network(toy):
    text, tree = fragment(toy)
    (control,) = tree.findall(".//p[@class='toy-control']")
    (label,), (box,) = control.findall("label"), control.findall("input")
    assert "hidden" in control.attrib
    assert label.attrib["for"] == box.attrib["id"]
    assert label.text
    assert (box.attrib["type"], box.attrib["value"]) == ("range", box.attrib["max"])
    assert box.attrib["data-steps"] == str(sorted(set(made_trajectories().query("toy == @toy")["step"])))
    assert "//" not in text.replace("https://www.w3.org", "")
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert all(target in ids for target in re.findall(r'href="#([^"]+)"', text))
    assert all(svg.get("aria-label") for svg in tree.findall(".//svg[@role='img']"))


def test_a_trajectory_that_broke_off_stops_where_it_did():
    paths = made_trajectories().copy()
    gone = (paths["toy"] == "quadratics") & (paths["aggregator"] == "ls") & (paths["step"] > 3)
    paths.loc[gone, ["x1", "x2", "loss1", "loss2"]] = float("nan")
    text, tree = fragment("quadratics", paths)
    line = tree.find(".//g[@data-trajectory]/polyline")
    assert line is not None
    assert len(line.attrib["points"].split(" ")) == 2
    assert "nan" not in text
    assert svg(lambda: toys.draw_paths(paths, FRONTS))
    assert svg(lambda: toys.draw_line(paths))
