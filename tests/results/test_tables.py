"""The main table and its neighbours, over made runs whose effects are known.

Bold is what beats every other method on every look at the seeds, and nothing else.
"""

import math

import numpy as np
import pytest

from samo.results import tables
from samo.results.stats import delta_m_interval, paired_interval
from tests.made import made_history, made_run, method_names


@pytest.fixture(scope="module")
def runs() -> dict[str, tables.Run | None]:
    return {method: made_run(method) for method in method_names()}


def test_main_has_a_row_a_method_with_stl_first(runs):
    table = tables.main(dict(reversed(runs.items())))
    assert table["method"].iloc[0] == "stl"
    assert sorted(table["method"]) == sorted(runs)
    assert tables.metric_columns(table) == ["left accuracy", "right accuracy"]
    assert list(table.columns[-3:]) == ["mean_rank", "lr", "rho"]
    stl = table.iloc[0]
    assert stl["delta_m"] == 0  # by definition; and it takes no rank
    assert np.isnan(stl["delta_m_low"])
    assert np.isnan(stl["mean_rank"])


def test_main_agrees_with_the_statistics(runs):
    row = tables.main(runs).set_index("method").loc["samo-ls"]
    ours, stl = runs["samo-ls"], runs["stl"]
    expected = delta_m_interval(tables.values(ours), tables.values(stl), [True, True])
    assert (row["delta_m"], row["delta_m_low"], row["delta_m_high"]) == pytest.approx(expected[:3])
    assert row["left accuracy"] == pytest.approx(tables.values(ours)[:, 0].mean())
    pair = paired_interval(tables.delta_by_seed(runs["ls"], stl), tables.delta_by_seed(ours, stl))
    assert (row["gain"], row["gain_low"], row["gain_high"]) == pytest.approx(pair[:3])
    assert row["base"] == "ls"


def test_stl_is_told_by_its_networks_not_by_its_name(runs):
    renamed = {"alone" if name == "stl" else name: run and dict(run) for name, run in runs.items()}
    renamed["alone"]["method"] = "alone"
    table = tables.main(renamed)
    assert table["method"].iloc[0] == "alone"
    assert table["delta_m"].notna().all()
    assert tables.base_of("samo-ls", renamed) == "ls"


def test_conditions_that_were_not_run_are_gaps(runs):
    rows = tables.main({**runs, "samo-ls": None, "ls": None}).set_index("method").to_dict("index")
    assert rows["samo-ls"]["n_seeds"] == 0
    assert np.isnan(rows["samo-ls"]["delta_m"])
    assert np.isnan(rows["gsam-ls"]["gain"])  # its base is missing
    assert rows["gsam-mgda"]["mean_rank"] > 0


@pytest.mark.parametrize("missing", ["all", "stl"])
def test_nothing_crashes_without_a_reference_or_any_run(runs, missing):
    some = {name: None if missing in ("all", name) else run for name, run in runs.items()}
    table = tables.main(some)
    assert len(table) == len(runs)
    assert "delta_m" not in table or table["delta_m"].isna().all()
    trials = tables.search(some)
    assert len(trials) == sum(len(run["search"]["trials"]) for run in some.values() if run)
    assert (trials.groupby("method")["chosen"].sum() == 1).all()
    assert trials.loc[trials.groupby("method")["score"].idxmax(), "chosen"].all()


def test_a_value_that_diverged_shows_as_a_gap_not_as_a_smaller_sample(runs):
    broken = made_run("ls")
    broken["seeds"]["1"]["left"]["accuracy"] = None
    row = tables.main({**runs, "ls": broken}).set_index("method").loc["ls"]
    assert np.isnan(row["left accuracy"])
    assert row["right accuracy"] > 0
    assert np.isnan(row["mean_rank"])


def test_a_metric_on_which_stl_scores_nothing_is_left_out_of_delta_m_and_named(runs):
    assert tables.left_out(tables.main(runs)) == []
    poor = made_run("stl")
    for seed in poor["seeds"].values():
        seed["right"]["accuracy"] = 0.0
    table = tables.main({**runs, "stl": poor})
    rows = table.set_index("method").to_dict("index")
    row = rows["samo-ls"]
    left = tables.values(runs["samo-ls"])[:, [0]]
    expected = delta_m_interval(left, tables.values(poor)[:, [0]], [True])
    assert (row["delta_m"], row["delta_m_low"], row["delta_m_high"]) == pytest.approx(expected[:3])
    assert row["gain"] == pytest.approx(rows["ls"]["delta_m"] - row["delta_m"])
    assert row["right accuracy"] > 0  # its own column still shows it
    assert tables.left_out(table) == ["right accuracy"]

    for seed in poor["seeds"].values():  # and with no metric left it is a gap
        seed["left"]["accuracy"] = 0.0
    table = tables.main({**runs, "stl": poor})
    assert table.loc[table["method"] != "stl", "delta_m"].isna().all()
    assert tables.left_out(table) == ["left accuracy", "right accuracy"]


def test_curves_keep_methods_and_epochs_apart():
    series = tables.curves({"ls": made_history("ls"), "mgda": made_history("mgda"), "gone": None})
    assert set(series["method"]) == {"ls", "mgda"}
    last = series.query("method == 'ls' and update == 4 and split == 'test' and task == 'left' and metric != 'loss'")
    expected = np.mean([seed["left"]["accuracy"] for seed in made_run("ls")["seeds"].values()])
    assert last["mean"].item() == pytest.approx(expected)
    assert tables.curves({"gone": None}).empty


def test_numbers_for_people():
    assert (tables.text(-1.234, 2), tables.text(0.003)) == ("−1.23", "0.003")
    assert tables.text(np.float64("nan"), 2) == tables.text(None) == "—"


@pytest.mark.parametrize(
    ("results", "higher_is_better", "first"),
    [
        # Paired differences to b: -2, -2.1, -1.9; to c larger: the seeds' own spread (10) cancels.
        ({"a": [0, 10, 20], "b": [2, 12.1, 21.9], "c": [9, 19, 29.5]}, False, "a"),
        ({"a": [0, 10, 20], "b": [2, 12.1, 21.9]}, True, "b"),
        # One rival within the noise is enough: a - b is -1, -3, 1, its mean is below zero, its interval holds it.
        ({"a": [0, 0, 0], "b": [1, 3, -1], "c": [9, 9, 9.1]}, False, None),
        # Nothing to beat, or one seed, is no victory.
        ({"a": [1, 1, 1]}, True, None),
        ({"a": [1], "b": [9]}, False, None),
        ({}, False, None),
        # A run that diverged neither wins nor stands in the way.
        ({"a": [0, 0.1, 0.2], "b": [5, 5, 5], "c": [1, math.nan, 1]}, False, "a"),
        ({"a": [0, 0.1, 0.2], "c": [1, math.nan, 1]}, False, None),
    ],
)
def test_bold_is_what_is_clear_of_all_others(results, higher_is_better, first):
    by_seed = {name: {str(seed): value for seed, value in enumerate(values)} for name, values in results.items()}
    assert tables.clear(by_seed, higher_is_better=higher_is_better) == first


def test_the_table_has_delta_m_and_every_metric_and_leaves_single_tasks_out():
    runs = {name: made_run(name, noise=0.0) for name in ("stl", "ls", "samo-ls", "mgda")}
    found = tables.best(runs).set_index("column")["method"].to_dict()
    # Made without noise: SAMO's gain of 1.6 points over LS and more over MGDA; STL (1.2) is no rival.
    assert found == {"delta_m": "samo-ls", "left accuracy": "samo-ls", "right accuracy": "samo-ls"}
    assert tables.best({"stl": runs["stl"]})["method"].tolist() == [""]
    assert tables.best({"ls": None}).empty
