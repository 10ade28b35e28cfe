"""Figures: drawn for any part of the data, the same bytes twice, colours fixed, words for those who cannot see."""

import re
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from samo.analysis.conflict import conflict
from samo.analysis.layers import layers as by_layer
from samo.figures import (
    beside,
    budgets,
    cost,
    cost_tasks,
    curvature,
    curves,
    dose,
    estimates,
    forest,
    gains,
    landscape,
    layers,
    pair,
    palette,
    probe,
    search,
    variants,
)
from samo.figures.style import svg
from samo.results import tables
from samo.study.report.drawings import AGREEMENT, curve_rows
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
RUNS = {method: made_run(method) for method in METHODS}
MAIN = tables.main(RUNS)
SERIES = tables.curves({method: made_history(method) for method in METHODS})
AGREE = conflict({method: made_history(method) for method in METHODS}).assign(task="all")
LAYERS = by_layer({"mgda": made_layers(), "samo-mgda": made_layers(), "nobody": made_layers()}, choose=2)
SPECTRA = curvature.shown(made_curvature())
AROUND = landscape.shown(made_landscape(METHODS[1:]))
TASKS = cost_tasks.points({"scenes": (3, MAIN, made_cost()), "qm9": (11, MAIN, made_cost())})
TRIALS = tables.search(RUNS)
PROBE = made_probe()
BESIDE = pd.DataFrame(
    [
        ("mgda", "mgda", "none", "A paper, Table 1", 1.5, np.nan, np.nan),
        ("mgda", "mgda", "none", "this run", 2.0, 1.0, 3.0),
        ("samo-mgda", "mgda", "samo", "this run", 1.0, 0.5, 1.5),
        ("samo-ls", "ls", "samo", "reference run", 60.0, 59.0, 61.0),
    ],
    columns=beside.COLUMNS,
)
PAIRS = pd.DataFrame(
    [(seed, update, cosine, 0.25) for seed in (0, 1) for update, cosine in ((1, 0.5), (2, -0.5), (3, 0.0))],
    columns=["seed", "update", "cosine", "ratio"],
)
ESTIMATES = pd.DataFrame(
    [
        ("LeNet", 1200, 32, 300, "g_0", 0.7, 0.6, 0.8),
        ("LeNet", 1200, 32, 300, "probe, 8 directions, mu 0.001", 0.01, 0.0, 0.02),
        ("LeNet", 1200, 256, 300, "last gradient", 0.2, 0.1, 0.3),
        ("adapters", 90, 32, 300, "last gradient", 0.3, -0.1, 0.7),
    ],
    columns=["network", "params", "batch", "update", "estimate", "cosine", "cosine_low", "cosine_high"],
)
VARIANTS = pd.DataFrame({"setting": ["", "alpha adaptive", "alpha 0.3"], "method": ["samo", "adaptive", "alpha"]})
VARIANTS = VARIANTS.assign(dataset="multimnist", updates=3000, sharpness="samo", rho=0.05, units=4.3)
VARIANTS = VARIANTS.assign(gain=0.5, gain_low=0.25, gain_high=0.75, n_seeds=5)
GAINS = gains.table({"multimnist": MAIN, "scenes": MAIN[MAIN["aggregator"] != "mgda"]})
RATES = pd.DataFrame({"sharpness": ["none", "none", "samo", "samo"], "method": ["ls", "ls", "samo-ls", "samo-ls"]})
RATES = RATES.assign(dataset="multimnist", aggregator="ls", lr=[0.001, 0.005] * 2, gain=[1.0, 0.0, 1.5, -0.5])
RATES = RATES.assign(gain_low=RATES["gain"] - 0.5, gain_high=RATES["gain"] + 0.5)

DRAWN: dict[str, tuple[Callable[[], Figure], str]] = {
    "forest": (lambda: forest.draw(MAIN), forest.describe(MAIN)),
    "gains": (lambda: gains.draw(GAINS), gains.describe(GAINS)),
    "beside": (lambda: beside.draw(BESIDE), beside.describe(BESIDE)),
    "curves": (
        lambda: curves.draw(MAIN, SERIES.query("split == 'test'"), curve_rows(tables.measures(RUNS))),
        curves.describe(SERIES, "Test"),
    ),
    "conflict": (lambda: curves.draw(MAIN, AGREE, AGREEMENT["conflict"]), curves.describe(AGREE, "Conflict")),
    "layers": (lambda: layers.draw(MAIN, LAYERS), layers.describe(LAYERS)),
    "curvature": (lambda: curvature.draw(MAIN, SPECTRA), curvature.describe(SPECTRA)),
    "cost": (lambda: cost.draw(MAIN, made_cost()), cost.describe(made_cost())),
    "tasks": (lambda: cost_tasks.draw(TASKS), cost_tasks.describe(TASKS)),
    "lines": (lambda: landscape.draw_lines(MAIN, AROUND), landscape.describe(AROUND)),
    "planes": (lambda: landscape.draw_planes(MAIN, AROUND), landscape.describe_planes(AROUND)),
    "probe": (lambda: probe.draw(PROBE), probe.describe(PROBE)),
    "pair": (lambda: pair.draw(PAIRS), pair.describe(PAIRS)),
    "estimates": (lambda: estimates.draw(ESTIMATES), estimates.describe(ESTIMATES)),
    "variants": (lambda: variants.draw(VARIANTS), variants.describe(VARIANTS)),
    "search": (lambda: search.draw(TRIALS), search.describe(TRIALS)),
    "rates": (lambda: dose.draw(RATES, "lr"), dose.describe(RATES, "lr")),
}
"""Figure -> how it is drawn, and its words for who cannot see it."""

TEXTS = {
    "forest": (("LS", "MGDA", "SAMO", "plain"), ("samo-mgda",)),
    "gains": (("Multi-MNIST", "Scenes", "3 seeds", "SAMO", "gain over"), ("scenes samo-ls",)),
    "beside": (
        ("MGDA", "SAMO", "A paper, Table 1", "this run", "60.0 (59.0 … 61.0) →"),
        ("samo-mgda 1.00 (this run)",),
    ),
    "curves": (("left: test accuracy, %", "STL", "MGDA"), ("samo-ls",)),
    "conflict": (("mini-batches",), ("mgda",)),
    "layers": (("MGDA + SAMO", "nobody", "0.weight"), ("mgda 0.weight from -0.19 to -0.59",)),
    "curvature": (("LS", "plain", "Largest eigenvalue", "Largest over fifth"), ("samo-ls ",)),
    "cost": (("×",), ("samo-ls",)),
    "tasks": (("Scenes", "QM9", "SAMO"), ("samo with 11 tasks (qm9) 3.0, by count 2.7",)),
    "lines": (("left: training loss", "MGDA"), ("samo-mgda from 0.14 to",)),
    "planes": (("LS + SAMO",), ("samo-ls",)),
    "probe": (
        ("theory", "1 direction", "8 directions", "coins", "Trained (samo-ls)"),
        ("theory 0.008, right side 90%", "0.6000, with a coin for the probe 0.5000"),
    ),
    "pair": (
        ("after 3 updates", "90°, cosine 0.00: no conflict;", "60°, cosine 0.50: no conflict;"),
        ("seed 1, after 2 updates: 120°, cosine −0.50: conflict; a step raises the shorter's loss",),
    ),
    "estimates": (
        ("adapters", "1k weights", "g₀: mean gradient", "probe, 8 directions, μ 0.001"),
        ("LeNet: g_0 0.7000 (0.600 to 0.800)", "adapters: last gradient"),
    ),
    "variants": (
        ("SAMO (4.3×)", "SAMO, adaptive α (4.3×)", "Multi-MNIST, 3,000 updates"),
        ("multimnist SAMO, α 0.3, rho 0.05 0.50 (0.25 to 0.75)",),
    ),
    "search": (("learning rate", "ρ", "chosen", "STL"), ("samo-ls learning rate 0.003, rho 0.01",)),
    "rates": (
        ("learning rate", "0.001", "0.005", "Multi-MNIST", "SAMO", "plain"),
        ("multimnist samo-ls lr 0.001 1.50 (1.00 to 2.00)",),
    ),
}
"""What stands in the drawing, and what its words hold."""


def words(text: str) -> str:
    """All that is written in an SVG."""
    return " ".join(re.findall(r">([^<>]+)</t", text))


def apart(axes: Axes, names: Collection[str]) -> list[Bbox]:
    """Where these names stand, which do not overlap: without the lines that lead to them."""
    boxes = [Text.get_window_extent(one) for one in axes.texts if one.get_text() in names]
    assert len(boxes) == len(names)
    assert not [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]
    return boxes


@pytest.mark.parametrize("name", DRAWN)
def test_the_same_results_give_the_same_bytes_with_colours_and_words(name):
    draw, described = DRAWN[name]
    first = svg(draw)
    if name in ("forest", "layers"):
        assert first == svg(draw)
    assert "<dc:date>" not in first
    written, said = TEXTS[name]
    assert all(part in words(first) for part in written)
    assert all(part in described for part in said)
    if name not in ("layers", "probe"):
        assert palette.colour("samo") in first
        assert name == "cost" or palette.colour("fmtl") not in first


def test_one_method_far_off_is_written_out_and_does_not_flatten_the_others():
    far = MAIN.copy()
    far.loc[far["method"] == "samo-mgda", ["delta_m", "delta_m_low", "delta_m_high"]] = [300.0, 250.0, 350.0]
    assert "300.0 (250.0 … 350.0) →" in words(svg(lambda: forest.draw(far)))
    low, high = forest.draw(far).axes[0].get_xlim()
    assert low < 0 < high < 100


def test_conflict_has_the_share_of_mini_batches_within_its_bounds_and_not_stl():
    share = AGREE[AGREE["metric"] == "minibatch_conflict"]
    assert list(share["method"].drop_duplicates()) == ["ls", "samo-ls", "mgda", "samo-mgda"]
    assert share["low"].min() >= 0
    assert share["high"].max() <= 1
    assert "STL" not in words(svg(DRAWN["conflict"][0]))


def test_layers_are_a_map_a_method_on_one_scale_with_the_input_on_top():
    maps = [axes for axes in layers.draw(MAIN, LAYERS).axes if axes.get_title() not in ("", "cosine")]
    assert [axes.get_title() for axes in maps] == ["MGDA", "MGDA + SAMO", "nobody"]
    meshes = [axes.collections[0] for axes in maps]
    assert {mesh.get_clim() for mesh in meshes} == {(-0.6, 0.6)}
    names = maps[0].get_yticklabels()
    assert [name.get_text() for name in names] == [f"{d}.weight" for d in range(6)]
    assert [name.get_fontweight() == "bold" for name in names] == [True, False, False, False, False, True]
    assert maps[0].get_ylim() == (5.5, -0.5)
    assert np.asarray(meshes[0].get_array())[0] == pytest.approx([-0.19, -0.29, -0.39, -0.49, -0.59])


def test_layers_with_gaps_and_many_of_them_are_drawn():
    few = made_layers()
    few = few[~((few["layer"] == "2.weight") & (few["update"] > 1))]
    assert svg(lambda: layers.draw(MAIN, by_layer({"mgda": few}, choose=99)))
    many = pd.concat([frame.assign(layer=f"{i}." + frame["layer"]) for i, frame in enumerate([made_layers()] * 12)])
    many["position"] = many.groupby(["seed", "update"]).cumcount() / 71
    text = words(svg(lambda: layers.draw(MAIN, by_layer({"ls": many, "mgda": many}, choose=3))))
    assert len([word for word in text.split() if word.endswith(".weight")]) <= 2 * layers.MOST_NAMES


def test_costs_are_labelled_and_shown_against_different_numbers_of_tasks_alone():
    assert words(svg(DRAWN["cost"][0])).count("×") == len(method_names())
    assert list(TASKS["method"]) == ["ls", "samo-ls"] * 2
    assert cost_tasks.points({"two": (2, MAIN, made_cost()), "too": (2, MAIN, made_cost())}).empty
    assert cost_tasks.points({"two": (2, MAIN, made_cost()), "ten": (10, MAIN, made_cost()[:0])}).empty


def test_what_a_step_does_to_both_losses_is_that_of_the_mean_gradient():
    for cosine, ratio in ((0.5, 0.1), (-0.3, 0.2), (-0.3, 0.4), (-0.9, 0.8)):
        angle = np.arccos(cosine)
        longer, shorter = np.array([1.0, 0.0]), ratio * np.array([np.cos(angle), np.sin(angle)])
        fall = [(longer + shorter) @ one for one in (longer, shorter)]  # to first order, of a step against the mean
        assert (min(fall) > 0) == ("lowers both" in pair.said({"cosine": cosine, "ratio": ratio}))


def test_estimates_are_drawn_at_the_first_batch_and_place_of_a_network():
    assert "0.2" not in estimates.describe(ESTIMATES).split("adapters")[0]
    first, second = estimates.draw(ESTIMATES).axes
    assert [np.asarray(line.get_xdata())[0] for line in first.lines if line.get_marker() == "o"] == [0.7, 0.01]
    assert first.yaxis_inverted()
    assert second.yaxis_inverted()


def test_names_over_budgets_are_apart_and_every_interval_is_in_sight():
    methods = (("gsam", 2, -0.3), ("placebo", 3, -0.2), ("samo-remembered", 3, -0.4), ("samo", 4, -0.3))
    found = [
        (name, n, units * n, gain * 3000 / n, gain * 3000 / n - 0.4, gain * 3000 / n + 0.4)
        for name, units, gain in methods
        for n in (300, 3000)
    ]
    pooled = pd.DataFrame(found, columns=["sharpness", "updates", "cost", "gain", "gain_low", "gain_high"])
    for x in ("cost", "updates"):
        figure = budgets.draw(pooled, x)
        FigureCanvasAgg(figure).draw()
        [axes] = figure.axes
        low, high = axes.get_ylim()
        assert low < pooled["gain_low"].min() < pooled["gain_high"].max() < high
        apart(axes, set(map(palette.label, pooled["sharpness"])))
        assert np.asarray(axes.lines[0].get_xdata())[1] < 0.95  # the zero line ends where the names begin
    lines = {
        line.get_label(): np.asarray(line.get_xdata())[0] for line in budgets.draw(pooled, "updates").axes[0].lines
    }
    assert len({lines[palette.label(name)] for name in pooled["sharpness"]}) == 4  # side by side at 300 updates
    assert svg(lambda: budgets.draw(pooled[pooled["updates"] == 300].assign(cost=np.nan)))  # no cost was measured
    far = pooled.assign(gain=pooled["gain"].where(pooled["sharpness"] != "samo", -50.0))
    far.loc[far["sharpness"] == "samo", ["gain_low", "gain_high"]] = [-51.0, -49.0]
    assert f"{palette.label('samo')} −50.0 ↓" in words(svg(lambda: budgets.draw(far)))
    near = far[far["sharpness"] != "samo"]
    low, high = budgets.draw(far).axes[0].get_ylim()
    assert -40 < low <= near["gain_low"].min() < near["gain_high"].max() < high


def test_lines_have_their_names_at_their_ends_apart_and_one_far_off_is_written_at_the_edge():
    rows = [
        (method, update, 80 + update / 100 - (70 if method == "samo-mgda" else 0) + k / 10)
        for k, method in enumerate(METHODS)
        for update in (100, 200, 300)
    ]
    series = pd.DataFrame(rows, columns=["method", "update", "mean"]).assign(task="left", metric="accuracy")
    series = series.assign(low=series["mean"] - 1, high=series["mean"] + 1)
    figure = curves.draw(MAIN, series, [curves.Row("left", "accuracy", "left")])
    FigureCanvasAgg(figure).draw()
    under_ls, under_mgda = figure.axes
    assert not figure.legends
    assert 70 < under_ls.get_ylim()[0] < 80 < 84 < under_ls.get_ylim()[1]
    boxes = apart(under_ls, ("STL", "plain", "SAMO"))
    assert all(under_ls.bbox.x0 < box.x0 and box.x1 < under_ls.bbox.x1 for box in boxes)
    assert "SAMO 13.4 ↓" in [one.get_text() for one in under_mgda.texts]
    assert max(under_ls.get_xticks()) == 300


def test_gains_leave_out_methods_that_not_every_dataset_has():
    assert list(GAINS["method"]) == ["samo-ls", "samo-ls"]
    assert set(gains.table({"multimnist": MAIN})["method"]) == {"samo-ls", "samo-mgda"}
    assert GAINS["gain"].iloc[0] == MAIN.query("method == 'samo-ls'")["gain"].iloc[0]
    assert gains.table({}).empty


def test_curvature_shows_the_mean_of_the_draws_and_spans_them():
    two, one, _ = SPECTRA[(SPECTRA["method"] == "ls") & (SPECTRA["measure"] == "lambda_max")].to_dict("records")
    assert two["low"] < two["value"] < two["high"]
    assert two["value"] == pytest.approx((two["low"] + two["high"]) / 2)
    assert (two["draws"], one["draws"]) == (2, 1)
    assert one["value"] == one["low"] == one["high"]


@pytest.mark.parametrize("value", [float("nan"), 0.0, 1e4])
def test_curvature_with_one_odd_network_is_drawn(value):
    rows = made_curvature()
    rows.loc[(rows["method"] == "samo-ls") & (rows["seed"] == 1), "value"] = value
    assert curvature.draw(MAIN, curvature.shown(rows))


def test_landscapes_of_a_row_share_their_scale_and_contours_their_losses():
    lines = landscape.draw_lines(MAIN, AROUND).axes
    assert len(lines) == 4  # two aggregators, two tasks
    assert len({axes.get_ylim() for axes in lines[:2]}) == len({axes.get_ylim() for axes in lines[2:]}) == 1
    contours: list[Any] = [axes.collections[0] for axes in landscape.draw_planes(MAIN, AROUND).axes]
    drawn = [{round(float(level), 9) for level in found.levels} for found in contours]
    assert len(drawn) == 8  # four methods, two tasks
    assert all(len(levels) > 2 for levels in drawn)
    assert all(levels == drawn[0] for levels in drawn[:4])


def test_of_many_tasks_the_mean_is_drawn():
    two = made_landscape(["ls"])
    many = pd.concat([two.assign(task=f"task {k}", loss=two["loss"] + k) for k in range(4)])
    shown = landscape.shown(many)
    assert set(shown["task"]) == {landscape.MEAN}
    mean = two.groupby(["x", "y"], sort=False)["loss"].mean()
    assert shown["loss"].to_numpy() == pytest.approx(mean.to_numpy() + 1.5)


def test_the_probe_without_coins_or_above_zero_is_drawn():
    assert "coin" not in probe.describe(PROBE[PROBE["estimator"] == "spsa"])
    against = {"cosine": -PROBE["cosine"], "cosine_low": -PROBE["cosine_high"], "cosine_high": -PROBE["cosine_low"]}
    batch = PROBE.assign(statistics="batch", **against)
    assert "batch statistics" in words(svg(lambda: probe.draw(pd.concat([PROBE, batch]))))


def test_a_search_for_alpha_has_a_panel_of_its_own():
    trials = [{"lr": 10.0**-k, "rho": 1.0, "alpha": 0.3 + 0.1 * k, "score": float(k)} for k in range(3)]
    chosen = {k: trials[1][k] for k in ("lr", "rho", "alpha")}
    frame = tables.search({"samo-ls": made_run("samo-ls") | {"search": {"trials": trials, "chosen": chosen}}})
    assert [axes.get_xlabel() for axes in search.draw(frame).axes] == ["learning rate", "ρ", "α"]
    [ring] = [line for line in search.draw(frame).axes[2].lines if line.get_label() == "chosen"]
    assert np.asarray(ring.get_xydata()) == pytest.approx(np.array([[0.4, 1.0]]))
    assert "alpha 0.4" in search.describe(frame)
    assert "α" not in words(svg(DRAWN["search"][0]))


def test_gaps_are_drawn_as_gaps_and_one_seed_without_a_band():
    run = made_run("ls")
    run["search"]["trials"][1]["score"] = None
    assert search.draw(tables.search({"ls": run, "stl": made_run("stl")}))
    history = made_history("ls")
    single = tables.curves({"ls": history[history["seed"] == 0]})
    assert curves.draw(tables.main({"ls": made_run("ls")}), single, [curves.Row("left", "accuracy", "left")])
    some = tables.main({"stl": None, "ls": made_run("ls"), "samo-ls": None})
    assert forest.draw(some)
    assert cost.draw(some, made_cost())
    assert forest.joint(tables.main({"ls": None})).empty
    assert "nothing was run" in curves.describe(tables.curves({"ls": None}), "Test")
