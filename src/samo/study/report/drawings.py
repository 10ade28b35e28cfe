"""What there is to draw: every figure of the report with its numbers, from reports/tables and data/analysis."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

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
    probe,
    search,
    sensitivity,
    toys,
)
from samo.results.sensitivity import points
from samo.study.report import reference
from samo.study.runs import results
from samo.study.runs.results import TOYS

MOST_ROWS = 6
"""Of more task metrics than this, only the first are drawn: the rest are in the figure's numbers and the table."""

SHARE = (-0.04, 1.04)
COSINE = curves.Row("all", "cosine_mean", "mean cosine between task gradients", 0.0)
CONFLICT = [
    curves.Row("all", "minibatch_conflict", "share of training mini-batches in conflict", limits=SHARE),
    curves.Row("all", "conflict_share", "share of task pairs in conflict (cosine < 0)", limits=SHARE),
]
NORMS = curves.Row("all", "magnitude_ratio", "length of the shortest task gradient / the longest", limits=SHARE)
AGREEMENT = (
    ("cosine", [COSINE], "Mean cosine between task gradients over epochs"),
    ("conflict", CONFLICT, "Share of conflicts between task gradients over epochs"),
    ("norms", [NORMS], "Length of the shortest task gradient over that of the longest, over epochs"),
)
"""The figures of the analysis `conflict`: name, rows of panels, and what they show."""

READING = ["measure", "value", "residual"]


class Drawing(NamedTuple):
    """One figure: its name, the numbers it shows, how it is drawn, and its words for those who cannot see it."""

    name: str
    data: pd.DataFrame
    draw: Callable[[], Figure]
    words: Callable[[], str]


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
    agreement = agreement[agreement["metric"].isin(said)]
    losses = series[(series["split"] == "train") & (series["metric"] == "loss")]
    loss_rows = [
        curves.Row(str(t), "loss", f"{t}: training loss") for t in list(dict.fromkeys(losses["task"]))[:MOST_ROWS]
    ]
    losses = losses[losses["task"].isin([row.task for row in loss_rows])]
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
        *(_agreement(dataset, main, agreement, *figure) for figure in AGREEMENT),
        Drawing(
            f"{dataset}-losses",
            losses,
            lambda: curves.draw(main, losses, loss_rows),
            lambda: curves.describe(losses, "Training loss of each task over epochs, mean and 95 % band over seeds"),
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


def _agreement(
    dataset: str, main: pd.DataFrame, series: pd.DataFrame, name: str, rows: list[curves.Row], what: str
) -> Drawing:
    shown = [row for row in rows if row.metric in set(series["metric"])]
    part = series[series["metric"].isin([row.metric for row in shown])]
    return Drawing(
        f"{dataset}-{name}", part, lambda: curves.draw(main, part, shown), lambda: curves.describe(part, what)
    )


def shared_drawings(root: Path, datasets: Iterable[str]) -> list[Drawing]:
    """What there is to draw of all datasets together."""
    found = {
        dataset: (
            int(_read(root / f"reports/tables/{dataset}-measures.csv", ["task"])["task"].nunique()),
            _read(root / f"reports/tables/{dataset}.csv", ["method"]),
            _read(root / f"data/analysis/{dataset}/cost.csv", ["method"]),
        )
        for dataset in datasets
    }
    tasks = cost_tasks.points(found)
    return [Drawing("all-tasks", tasks, lambda: cost_tasks.draw(tasks), lambda: cost_tasks.describe(tasks))]


def reference_drawings(root: Path) -> list[Drawing]:
    """What there is to draw of the shipped reference run."""
    run = reference.load(root)
    if run is None:
        return []
    found = gains.table({dataset: run.main(dataset) for dataset in run.runs})
    return [Drawing("reference-gains", found, lambda: gains.draw(found), lambda: gains.describe(found))]


def toy_drawings(root: Path) -> list[Drawing]:
    """What there is to draw of the toys, which belong to no dataset."""
    walked, ends, front = toy_frames(root)
    step = method.step()
    straight = walked[(walked["toy"] == "quadratics") & (walked["aggregator"] == "ls")]
    return [
        Drawing("toys-step", step, lambda: method.draw(step), lambda: method.describe(step)),
        Drawing("toys-line", straight, lambda: toys.draw_line(walked), lambda: toys.describe_line(walked)),
        Drawing("toys-paths", walked, lambda: toys.draw_paths(walked, front), lambda: toys.describe(ends)),
        Drawing("toys-outcomes", ends, lambda: toys.draw_outcomes(walked, front), lambda: toys.describe(ends)),
    ]


def toy_frames(root: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The walks, their ends and the fronts."""
    walked, ends = (_read(root / TOYS / f"{name}.csv", ["toy", "aggregator"]) for name in ("trajectories", "ends"))
    return walked, ends, _read(root / TOYS / "front.csv", ["toy"])


def curve_rows(measures: pd.DataFrame) -> list[curves.Row]:
    """One row of panels a task and metric, at most `MOST_ROWS`."""
    return [
        curves.Row(m["task"], m["metric"], f"{m['task']}: test {m['metric']}, {m['unit']}".rstrip(", "))
        for m in measures[:MOST_ROWS].fillna("").to_dict("records")
    ]


def _read(path: Path, columns: list[str]) -> pd.DataFrame:
    kind = results.Columns(*columns)
    return results.read_rows(path, kind) if path.exists() else pd.DataFrame(columns=columns)


def _of(frame: pd.DataFrame, dataset: str) -> pd.DataFrame:
    return frame[frame["dataset"] == dataset].drop(columns="dataset")
