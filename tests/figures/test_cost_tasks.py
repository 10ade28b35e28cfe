"""Cost against the number of tasks: points of what was measured, lines of what the count says."""

import pandas as pd

from samo.figures import cost_tasks
from samo.figures.style import svg
from samo.results import tables
from tests.made import made_cost, made_run

MAIN = tables.main({name: made_run(name) for name in ("stl", "ls", "samo-ls", "mgda", "samo-mgda")})


def test_points_are_those_of_ls_on_every_dataset():
    frame = cost_tasks.points({"two": (2, MAIN, made_cost()), "ten": (10, MAIN, made_cost())})
    assert frame[["dataset", "tasks", "method"]].to_records(index=False).tolist() == [
        ("two", 2, "ls"),
        ("two", 2, "samo-ls"),
        ("ten", 10, "ls"),
        ("ten", 10, "samo-ls"),
    ]


def test_one_number_of_tasks_shows_nothing():
    assert cost_tasks.points({"two": (2, MAIN, made_cost()), "too": (2, MAIN, made_cost())}).empty
    assert cost_tasks.points({"two": (2, MAIN, made_cost()), "ten": (10, MAIN, made_cost()[:0])}).empty
    assert cost_tasks.points({}).empty
    assert cost_tasks.points({"not run": (0, pd.DataFrame({"method": ["ls"]}), made_cost())}).empty


def test_the_figure_names_datasets_and_tasks():
    frame = cost_tasks.points({"scenes": (3, MAIN, made_cost()), "qm9": (11, MAIN, made_cost())})
    drawn = svg(lambda: cost_tasks.draw(frame))
    for words in ("Scenes", "QM9", "SAMO", "multiples of an LS step", "by the count of passes"):
        assert words in drawn
    assert "samo with 11 tasks (qm9) 3.0, by count 2.7" in cost_tasks.describe(frame)
