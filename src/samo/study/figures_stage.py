"""The second half of the stage `tables`: the report's figures, drawn from reports/tables and data/analysis."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from samo.figures import cost, curvature, curves, forest, landscape, layers, probe, search, sensitivity, toys
from samo.figures.style import svg
from samo.figures.toy_slider import slider
from samo.sensitivity import points
from samo.study import store
from samo.study.tables_stage import TOYS, csv

MOST_ROWS = 6
"""Of more task metrics than this, only the first are drawn: the rest are in the figure's numbers and the table."""

SHARE = (-0.04, 1.04)
CONFLICT = [
    curves.Row("all", "cosine_mean", "mean cosine between task gradients", 0.0),
    curves.Row("all", "conflict_share", "share of task pairs in conflict (cosine < 0)", limits=SHARE),
    curves.Row("all", "minibatch_conflict", "share of training mini-batches in conflict", limits=SHARE),
    curves.Row("all", "magnitude_ratio", "length of the shortest task gradient / the longest", limits=SHARE),
]


READING = ["measure", "value", "residual"]


class Drawing(NamedTuple):
    """One figure: its name, the numbers it shows, how it is drawn, and its words for those who cannot see it."""

    name: str
    data: pd.DataFrame
    draw: Callable[[], Figure]
    words: Callable[[], str]


def write_figures(root: Path, datasets: Iterable[str]) -> None:
    """Write reports/figures whole: each figure as <dataset>-<figure>.svg, with its numbers (.csv) and words (.txt).

    Those of the toys are toys-<figure>, and toys-<toy>.html is a piece of a page that moves along the walks. A figure
    without numbers (its cells or its analysis have not been run) is left out.
    """
    with store.whole_folder(root / "reports/figures") as out:
        for drawing in [*(d for dataset in datasets for d in drawings(root, dataset)), *toy_drawings(root)]:
            if drawing.data.empty:
                continue
            store.write_text(out / f"{drawing.name}.svg", svg(drawing.draw))
            store.write_text(out / f"{drawing.name}.csv", csv(drawing.data))
            store.write_text(out / f"{drawing.name}.txt", drawing.words() + "\n")
        walked, _, front = _toys(root)
        for toy in dict.fromkeys(walked["toy"]):
            store.write_text(out / f"toys-{toy}.html", slider(str(toy), walked, front))


def drawings(root: Path, dataset: str) -> list[Drawing]:
    """What there is to draw for one dataset."""
    tables = root / "reports/tables"
    main = _read(tables / f"{dataset}.csv", ["method"])
    trials = _of(_read(tables / "search.csv", ["dataset"]), dataset)
    series = _of(_read(tables / "curves.csv", ["dataset", "split", "metric"]), dataset)
    test = series[series["split"] == "test"]
    measures = _read(tables / f"{dataset}-measures.csv", ["task"])
    rows = curve_rows(measures)
    shown = test[test["metric"].isin([row.metric for row in rows])]
    analysis = root / "data/analysis" / dataset
    agreement = _read(analysis / "conflict.csv", ["method", "metric"]).assign(task="all")
    # Two tasks are one pair: its share of conflict is 0 or 1, and says less than its cosine.
    said = set(agreement["metric"]) - ({"conflict_share"} if measures["task"].nunique() <= 2 else set())
    agreeing = [row for row in CONFLICT if row.metric in said]
    agreement = agreement[agreement["metric"].isin([row.metric for row in agreeing])]
    cosine = agreement[agreement["metric"] == "cosine_mean"]
    by_layer = _read(analysis / "layers.csv", ["method"])
    by_layer = by_layer[by_layer["method"].isin(main["method"])]
    bent = curvature.shown(_read(analysis / "curvature.csv", ["method", "seed", "task", "draw", *READING]))
    bent = bent[bent["method"].isin(main["method"])]
    price = _read(analysis / "cost.csv", ["method"])
    price = price[price["method"].isin(main["method"])]
    around = _read(analysis / "landscape.csv", ["method", "task", "x", "y", "loss"])
    around = landscape.shown(around[around["method"].isin(main["method"])])
    planes = around[around["method"].isin(around.loc[around["y"] != 0, "method"])]
    seen = _read(analysis / "probe.csv", ["method", "source"])
    seen = seen[seen["method"].isin(main["method"]) | (seen["source"] != "trained")]
    settings = _read(tables / f"{dataset}-sensitivity.csv", ["field", "shift"])
    varied = points(settings)
    return [
        Drawing(
            f"{dataset}-forest",
            main[main["delta_m"].notna()] if "delta_m" in main else main[:0],
            lambda: forest.draw(main),
            lambda: forest.describe(main),
        ),
        Drawing(
            f"{dataset}-curves",
            shown,
            lambda: curves.draw(main, shown, rows),
            lambda: curves.describe(shown, "Test metrics over epochs, mean and 95 % band over seeds"),
        ),
        Drawing(
            f"{dataset}-conflict",
            agreement,
            lambda: curves.draw(main, agreement, agreeing),
            lambda: curves.describe(cosine, "Mean cosine between task gradients over epochs"),
        ),
        Drawing(f"{dataset}-layers", by_layer, lambda: layers.draw(main, by_layer), lambda: layers.describe(by_layer)),
        Drawing(f"{dataset}-curvature", bent, lambda: curvature.draw(main, bent), lambda: curvature.describe(bent)),
        Drawing(f"{dataset}-cost", price, lambda: cost.draw(main, price), lambda: cost.describe(price)),
        Drawing(
            f"{dataset}-landscape",
            around[around["y"] == 0],
            lambda: landscape.draw_lines(main, around),
            lambda: landscape.describe(around),
        ),
        Drawing(
            f"{dataset}-planes",
            planes,
            lambda: landscape.draw_planes(main, planes),
            lambda: landscape.describe_planes(planes),
        ),
        Drawing(f"{dataset}-probe", seen, lambda: probe.draw(seen), lambda: probe.describe(seen)),
        Drawing(
            f"{dataset}-sensitivity",
            varied,
            lambda: sensitivity.draw(settings),
            lambda: sensitivity.describe(settings),
        ),
        Drawing(f"{dataset}-search", trials, lambda: search.draw(trials), lambda: search.describe(trials)),
    ]


def toy_drawings(root: Path) -> list[Drawing]:
    """What there is to draw of the toys, which belong to no dataset."""
    walked, ends, front = _toys(root)
    straight = walked[(walked["toy"] == "quadratics") & (walked["aggregator"] == "ls")]
    return [
        Drawing("toys-line", straight, lambda: toys.draw_line(walked), lambda: toys.describe_line(walked)),
        Drawing("toys-paths", walked, lambda: toys.draw_paths(walked, front), lambda: toys.describe(ends)),
        Drawing("toys-outcomes", ends, lambda: toys.draw_outcomes(walked, front), lambda: toys.describe(ends)),
    ]


def _toys(root: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The walks, their ends and the fronts."""
    walked, ends, front = (
        _read(root / TOYS / f"{name}.csv", ["toy", "aggregator"]) for name in ("trajectories", "ends", "front")
    )
    return walked, ends, front


def curve_rows(measures: pd.DataFrame) -> list[curves.Row]:
    """One row of panels a task and metric, at most `MOST_ROWS`."""
    return [
        curves.Row(m["task"], m["metric"], f"{m['task']}: test {m['metric']}, {m['unit']}".rstrip(", "))
        for m in measures[:MOST_ROWS].fillna("").to_dict("records")
    ]


def _read(path: Path, columns: list[str]) -> pd.DataFrame:
    return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=columns)


def _of(frame: pd.DataFrame, dataset: str) -> pd.DataFrame:
    return frame[frame["dataset"] == dataset].drop(columns="dataset")
