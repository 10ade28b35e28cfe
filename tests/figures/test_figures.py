"""Figures: drawn for any part of the data, the same bytes twice, colours fixed, words for those who cannot see."""

import re
from typing import Any, cast

import pandas as pd
import pytest

from samo.analysis.conflict import conflict
from samo.analysis.layers import layers as by_layer
from samo.figures import (
    cost,
    cost_tasks,
    curvature,
    curves,
    forest,
    gains,
    landscape,
    layers,
    method,
    palette,
    probe,
    search,
)
from samo.figures.style import svg
from samo.results import tables
from samo.study.report.drawings import CONFLICT, curve_rows
from tests.made import (
    made_cost,
    made_curvature,
    made_history,
    made_landscape,
    made_layers,
    made_probe,
    made_run,
    method_names,
)

METHODS = ["stl", "ls", "samo-ls", "mgda", "samo-mgda"]


@pytest.fixture(scope="module")
def main() -> pd.DataFrame:
    return tables.main({m: made_run(m) for m in METHODS})


@pytest.fixture(scope="module")
def series() -> pd.DataFrame:
    return tables.curves({m: made_history(m) for m in METHODS})


def words(text: str) -> str:
    """All that is written in an SVG."""
    return " ".join(re.findall(r">([^<>]+)</t", text))


def test_the_same_results_give_the_same_bytes_without_a_date(main):
    seeds = curvature.shown(made_curvature())
    by_method = by_layer({"mgda": made_layers()}, choose=2)
    draws = (lambda: forest.draw(main), lambda: curvature.draw(main, seeds), lambda: layers.draw(main, by_method))
    for draw in (*draws, lambda: method.draw(method.step())):
        first = svg(draw)
        assert first == svg(draw)
        assert "<dc:date>" not in first


def test_a_sharpness_keeps_its_colour_in_every_figure(main, series):
    drawn = [
        svg(lambda: forest.draw(main)),
        svg(lambda: curves.draw(main, series, [curves.Row("left", "accuracy", "left")])),
        svg(lambda: cost.draw(main, made_cost())),
        svg(lambda: search.draw(tables.search({m: made_run(m) for m in METHODS}))),
    ]
    assert all(palette.colour("samo") in text for text in drawn)
    assert not any(palette.colour("fmtl") in text for text in drawn[:2])


def test_forest_names_every_method(main):
    assert {"LS", "MGDA", "SAMO", "plain"} <= set(words(svg(lambda: forest.draw(main))).split())
    assert "samo-mgda" in forest.describe(main)


def test_one_method_far_off_is_written_out_and_does_not_flatten_the_others(main):
    far = main.copy()
    far.loc[far["method"] == "samo-mgda", ["delta_m", "delta_m_low", "delta_m_high"]] = [300.0, 250.0, 350.0]
    assert "300.0 (250.0 … 350.0) →" in words(svg(lambda: forest.draw(far)))
    assert "→" not in words(svg(lambda: forest.draw(main)))
    low, high = forest.draw(far).axes[0].get_xlim()
    assert low < 0 < high < 100


def test_curves_have_a_panel_an_aggregator_and_name_their_units(main, series):
    rows = curve_rows(tables.measures({"ls": made_run("ls")}))
    text = words(svg(lambda: curves.draw(main, series[series["split"] == "test"], rows)))
    assert "left: test accuracy, %" in text
    assert "STL" in text
    assert text.count("MGDA") == 1
    assert "samo-ls" in curves.describe(series, "Test")


def test_conflict_has_the_share_of_mini_batches_within_its_bounds_and_not_stl(main):
    table = conflict({m: made_history(m) for m in METHODS})
    share = table[table["metric"] == "minibatch_conflict"]
    assert list(share["method"].drop_duplicates()) == ["ls", "samo-ls", "mgda", "samo-mgda"]
    assert list(share.loc[share["method"] == "ls", "update"]) == [1, 2, 3, 4]
    assert share["low"].min() >= 0
    assert share["high"].max() <= 1
    assert not table["metric"].isin(["loss", "accuracy"]).any()
    assert "STL" not in words(svg(lambda: curves.draw(main, table.assign(task="all"), CONFLICT)))


def test_layers_are_a_map_a_method_on_one_scale_with_the_input_on_top(main):
    table = by_layer({"mgda": made_layers(), "samo-mgda": made_layers(), "nobody": made_layers()}, choose=2)
    maps = [axes for axes in layers.draw(main, table).axes if axes.get_title() not in ("", "cosine")]
    assert [axes.get_title() for axes in maps] == ["MGDA", "MGDA + SAMO", "nobody"]
    meshes = [axes.collections[0] for axes in maps]
    assert {mesh.get_clim() for mesh in meshes} == {(-0.6, 0.6)}
    names = maps[0].get_yticklabels()
    assert [name.get_text() for name in names] == [f"{d}.weight" for d in range(6)]
    assert [name.get_fontweight() == "bold" for name in names] == [True, False, False, False, False, True]
    assert maps[0].get_ylim() == (5.5, -0.5)
    values = meshes[0].get_array()
    assert values is not None
    assert values.shape == (6, 5)
    assert values[0].tolist() == pytest.approx([-0.19, -0.29, -0.39, -0.49, -0.59])
    assert "mgda 0.weight from -0.19 to -0.59" in layers.describe(table)


def test_layers_with_gaps_and_many_of_them_are_drawn(main):
    few = made_layers()
    few = few[~((few["layer"] == "2.weight") & (few["update"] > 1))]
    assert svg(lambda: layers.draw(main, by_layer({"mgda": few}, choose=99)))
    many = pd.concat([frame.assign(layer=f"{i}." + frame["layer"]) for i, frame in enumerate([made_layers()] * 12)])
    many["position"] = many.groupby(["seed", "update"]).cumcount() / 71
    text = words(svg(lambda: layers.draw(main, by_layer({"ls": many, "mgda": many}, choose=3))))
    assert len([word for word in text.split() if word.endswith(".weight")]) <= 2 * layers.MOST_NAMES


def test_cost_labels_every_bar_and_is_shown_against_the_number_of_tasks(main):
    table = made_cost()
    assert words(svg(lambda: cost.draw(main, table))).count("×") == len(method_names())
    assert "samo-ls" in cost.describe(table)
    frame = cost_tasks.points({"scenes": (3, main, table), "qm9": (11, main, table)})
    assert frame[["dataset", "tasks", "method"]].to_records(index=False).tolist() == [
        *(("scenes", 3, "ls"), ("scenes", 3, "samo-ls"), ("qm9", 11, "ls"), ("qm9", 11, "samo-ls"))
    ]
    assert "samo with 11 tasks (qm9) 3.0, by count 2.7" in cost_tasks.describe(frame)
    assert {"Scenes", "QM9", "SAMO"} <= set(words(svg(lambda: cost_tasks.draw(frame))).split())
    assert cost_tasks.points({"two": (2, main, table), "too": (2, main, table)}).empty
    assert cost_tasks.points({"two": (2, main, table), "ten": (10, main, table[:0])}).empty


def test_gains_leave_out_methods_that_not_every_dataset_has(main):
    part = main[main["aggregator"] != "mgda"]
    found = gains.table({"multimnist": main, "scenes": part})
    assert list(found["method"]) == ["samo-ls", "samo-ls"]
    assert set(gains.table({"multimnist": main})["method"]) == {"samo-ls", "samo-mgda"}
    assert found["gain"].iloc[0] == main.query("method == 'samo-ls'")["gain"].iloc[0]
    assert gains.table({}).empty
    text = words(svg(lambda: gains.draw(found)))
    assert all(part in text for part in ("Multi-MNIST", "Scenes", "3 seeds", "SAMO", "LS", "sharpness helps"))
    assert "scenes samo-ls" in gains.describe(found)


def test_curvature_groups_methods_and_draws_each_seed(main):
    seeds = curvature.shown(made_curvature())
    first = svg(lambda: curvature.draw(main, seeds))
    for name in ("LS", "MGDA", "SAMO", "plain", "Largest eigenvalue", "Largest over fifth"):
        assert name in words(first)
    assert "F-MTL" not in words(first)
    assert re.search(r"samo-ls (3\.9|4)", curvature.describe(seeds))


def test_curvature_shows_the_mean_of_the_draws_and_spans_them():
    seeds = curvature.shown(made_curvature())
    two, one, _ = seeds[(seeds["method"] == "ls") & (seeds["measure"] == "lambda_max")].to_dict("records")
    assert two["low"] < two["value"] < two["high"]
    assert two["value"] == pytest.approx((two["low"] + two["high"]) / 2)
    assert (two["draws"], one["draws"]) == (2, 1)
    assert one["value"] == one["low"] == one["high"]


@pytest.mark.parametrize("value", [float("nan"), 0.0, 1e4])
def test_curvature_with_one_odd_network_is_drawn(main, value):
    rows = made_curvature()
    rows.loc[(rows["method"] == "samo-ls") & (rows["seed"] == 1), "value"] = value
    assert svg(lambda: curvature.draw(main, curvature.shown(rows)))


def test_landscapes_stand_side_by_side_on_one_scale(main):
    losses = landscape.shown(made_landscape(METHODS[1:]))
    figure = landscape.draw_lines(main, losses)
    assert len(figure.axes) == 4  # two aggregators, two tasks
    assert len({axes.get_ylim() for axes in figure.axes[:2]}) == 1
    assert len({axes.get_ylim() for axes in figure.axes[2:]}) == 1
    text = words(svg(lambda: landscape.draw_lines(main, losses)))
    assert "left: training loss" in text
    assert "MGDA" in text
    assert "samo-mgda from 0.14 to" in landscape.describe(losses)


def test_contours_of_a_row_are_at_the_same_losses(main):
    losses = landscape.shown(made_landscape(METHODS[1:]))
    figure = landscape.draw_planes(main, losses)
    assert len(figure.axes) == 8  # four methods, two tasks
    contours: list[Any] = [axes.collections[0] for axes in figure.axes]
    drawn = [{round(float(level), 9) for level in found.levels} for found in contours]
    assert all(len(levels) > 2 for levels in drawn)
    assert all(levels == drawn[0] for levels in drawn[:4])
    assert "samo-ls" in landscape.describe_planes(losses)
    assert "LS + SAMO" in words(svg(lambda: landscape.draw_planes(main, losses)))


def test_of_many_tasks_the_mean_is_drawn(main):
    two = made_landscape(["ls"])
    many = pd.concat([two.assign(task=f"task {k}", loss=two["loss"] + k) for k in range(4)])
    shown = landscape.shown(many)
    assert set(shown["task"]) == {landscape.MEAN}
    pd.testing.assert_series_equal(
        shown["loss"], two.groupby(["x", "y"], sort=False)["loss"].mean().reset_index()["loss"] + 1.5
    )
    assert landscape.draw_lines(main, shown)


def test_the_probe_is_drawn_beside_theory_and_coins():
    table = made_probe()
    text = words(svg(lambda: probe.draw(table)))
    assert all(name in text for name in ("theory", "1 direction", "8 directions", "coins", "Trained (samo-ls)"))
    assert "theory 0.008, right side 90%" in probe.describe(table)
    assert "0.6000, with a coin for the probe 0.5000" in probe.describe(table)
    assert "coin" not in probe.describe(table[table["estimator"] == "spsa"])
    against = {"cosine": -table["cosine"], "cosine_low": -table["cosine_high"], "cosine_high": -table["cosine_low"]}
    batch = table.assign(statistics="batch", **against)
    assert "batch statistics" in words(svg(lambda: probe.draw(pd.concat([table, batch]))))


def test_search_names_what_was_chosen():
    trials = tables.search({m: made_run(m) for m in METHODS})
    assert "learning rate" in words(svg(lambda: search.draw(trials)))
    assert "samo-ls learning rate 0.003, rho 0.01" in search.describe(trials)


def test_a_search_for_alpha_has_a_panel_of_its_own_and_each_cut_holds_the_others_still():
    values = [(0.01, 1.0, 0.5), (0.01, 2.0, 0.5), (0.01, 2.0, 0.3), (0.001, 2.0, 0.3), (0.1, 2.0, 0.3)]
    trials = [{"lr": lr, "rho": rho, "alpha": alpha, "score": 1.0} for lr, rho, alpha in values]
    run = made_run("samo-ls") | {"search": {"trials": trials, "chosen": {"lr": 0.001, "rho": 2.0, "alpha": 0.3}}}
    frame = tables.search({"samo-ls": run})
    drawn = {axes.get_xlabel()[:1]: cast(Any, axes.lines[0].get_xdata()) for axes in search.draw(frame).axes}
    found = {name: [float(x) for x in line] for name, line in drawn.items()}
    assert found == {"l": [0.001, 0.01, 0.1], "ρ": [1.0, 2.0], "α": [0.3, 0.5]}
    assert "alpha 0.3" in search.describe(frame)
    assert "α" not in words(svg(lambda: search.draw(tables.search({"ls": made_run("ls")}))))


def test_gaps_are_drawn_as_gaps_and_one_seed_without_a_band():
    run = made_run("ls")
    run["search"]["trials"][1]["score"] = None
    assert svg(lambda: search.draw(tables.search({"ls": run, "stl": made_run("stl")})))
    history = made_history("ls")
    single = tables.curves({"ls": history[history["seed"] == 0]})
    rows = [curves.Row("left", "accuracy", "left")]
    assert svg(lambda: curves.draw(tables.main({"ls": made_run("ls")}), single, rows))
    some = tables.main({"stl": None, "ls": made_run("ls"), "samo-ls": None})
    assert svg(lambda: forest.draw(some))
    assert svg(lambda: cost.draw(some, made_cost()))
    assert forest.joint(tables.main({"ls": None})).empty
    assert "nothing was run" in curves.describe(tables.curves({"ls": None}), "Test")


def test_colours_are_fixed_for_names_nobody_foresaw():
    assert palette.colour("brand-new") == palette.colour("brand-new")
    assert re.fullmatch("#[0-9a-f]{6}", palette.colour("brand-new"))
    assert palette.label("brand-new") == "brand-new"
    assert palette.spoken("ls", "none") == "LS"
    assert len({palette.colour(s) for s in ("none", "gsam", "lsam", "samo", "fmtl")}) == 5
