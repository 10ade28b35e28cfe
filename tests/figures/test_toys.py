"""The toys' figures: all trajectories are there, a page can move along them, gaps are gaps."""

import re
from functools import cache

import pytest

from samo.analysis.toys import trajectories
from samo.analysis.toys.losses import TOYS
from samo.figures import palette, toys
from samo.figures.style import svg
from tests.figures.made_toys import made_trajectories

FRONTS = trajectories.fronts()


@cache
def drawn() -> str:
    """All paths, as the page has them."""
    return svg(lambda: toys.draw_paths(made_trajectories(), FRONTS))


@pytest.mark.parametrize(
    "draw",
    [
        drawn,
        lambda: svg(lambda: toys.draw_outcomes(made_trajectories(), FRONTS)),
        lambda: svg(lambda: toys.draw_line(made_trajectories())),
    ],
    ids=["paths", "outcomes", "line"],
)
def test_every_sharpness_has_its_colour_and_name(draw, request):
    text = draw()
    assert all(palette.colour(name) in text and f">{palette.label(name)}<" in text for name in trajectories.SHARPNESS)
    assert ("FairGrad" in text) == (request.node.callspec.id != "line")


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

    lines = toys.contours("quadratics", toys.WEIGHTS["quadratics"], points=161)
    assert len(lines) > 5
    for line in lines:
        height = TOYS["quadratics"].mean(torch.as_tensor(line))
        assert height.max() - height.min() < 1e-3


def test_a_page_can_move_along_every_walk_which_starts_and_ends_where_it_does():
    walks = re.findall(r'<g id="walk-(\d+)-of-(\d+)">\s*<path d="([^"]+)".*?<use ([^>]+)/>', drawn(), flags=re.DOTALL)
    numbers, wholes, lines, marks = zip(*walks, strict=True)
    paths = made_trajectories()
    assert list(numbers) == [str(n) for n in range(len(paths.groupby(["toy", "start", "aggregator", "sharpness"])))]
    assert {int(n) for n in wholes} == set(paths.groupby("toy")["step"].nunique())
    for whole, line, mark in zip(wholes, lines, marks, strict=True):
        points = re.findall(r"[ML] (\S+) (\S+)", line)
        assert len(points) == int(whole)
        assert re.findall(r'[xy]="(\S+)"', mark) == list(points[-1])


def test_a_trajectory_that_broke_off_stops_where_it_did():
    paths = made_trajectories().copy()
    gone = (paths["toy"] == "quadratics") & (paths["aggregator"] == "ls") & (paths["step"] > 3)
    paths.loc[gone, ["x1", "x2", "loss1", "loss2"]] = float("nan")
    text = svg(lambda: toys.draw_paths(paths, FRONTS))
    line = re.search(r'id="walk-0-of-4">\s*<path d="([^"]+)"', text)
    assert line
    assert line[1].count("L") == 1
    assert "nan" not in text
    assert toys.draw_line(paths)
