"""Bold is what beats every other method on every look at the seeds, and nothing else."""

import math

from samo.results import tables
from tests.made import made_run


def seeds(*values: float) -> dict[str, float]:
    return {str(seed): value for seed, value in enumerate(values)}


def test_a_method_clear_of_all_others_is_bold():
    # Paired differences to b: -2, -2.1, -1.9; to c larger: the seeds' own spread (10) cancels.
    results = {"a": seeds(0, 10, 20), "b": seeds(2, 12.1, 21.9), "c": seeds(9, 19, 29.5)}
    assert tables.clear(results, higher_is_better=False) == "a"
    assert tables.clear({"a": results["a"], "b": results["b"]}, higher_is_better=True) == "b"


def test_one_rival_within_the_noise_is_enough_for_no_bold():
    # a - b is -1, -3, 1: its mean is below zero, its interval holds it.
    results = {"a": seeds(0, 0, 0), "b": seeds(1, 3, -1), "c": seeds(9, 9, 9.1)}
    assert tables.clear(results, higher_is_better=False) is None


def test_nothing_to_beat_or_one_seed_is_no_victory():
    assert tables.clear({"a": seeds(1, 1, 1)}, higher_is_better=True) is None
    assert tables.clear({"a": seeds(1), "b": seeds(9)}, higher_is_better=False) is None
    assert tables.clear({}, higher_is_better=False) is None


def test_a_run_that_diverged_neither_wins_nor_stands_in_the_way():
    results = {"a": seeds(0, 0.1, 0.2), "b": seeds(5, 5, 5), "c": seeds(1, math.nan, 1)}
    assert tables.clear(results, higher_is_better=False) == "a"
    assert tables.clear({"a": results["a"], "c": results["c"]}, higher_is_better=False) is None


def test_the_table_has_delta_m_and_every_metric_and_leaves_single_tasks_out():
    runs = {name: made_run(name, noise=0.0) for name in ("stl", "ls", "samo-ls", "mgda")}
    found = tables.best(runs).set_index("column")["method"].to_dict()
    # Made without noise: SAMO's gain of 1.6 points over LS and more over MGDA; STL (1.2) is no rival.
    assert found == {"delta_m": "samo-ls", "left accuracy": "samo-ls", "right accuracy": "samo-ls"}
    assert tables.best({"stl": runs["stl"]})["method"].tolist() == [""]
    assert tables.best({"ls": None}).empty
