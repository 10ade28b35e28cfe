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
    ("cosine", [COSINE], "Mean cosine between task gradients over updates"),
    ("conflict", CONFLICT, "Share of conflicts between task gradients over updates"),
    ("norms", [NORMS], "Length of the shortest task gradient over that of the longest, over updates"),
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
    tables, analysis = root / "reports/tables", root / "data/analysis" / dataset
    main = _read(tables / f"{dataset}.csv", ["method"])
    measures = _read(tables / f"{dataset}-measures.csv", ["task"])
    trials = _of(_read(tables / "search.csv", ["dataset"]), dataset)
    series = _of(_read(tables / "curves.csv", ["dataset", "split", "metric"]), dataset)
    losses = series[(series["split"] == "train") & (series["metric"] == "loss")]
    loss_rows = [
        curves.Row(str(t), "loss", f"{t}: training loss") for t in list(dict.fromkeys(losses["task"]))[:MOST_ROWS]
    ]
    losses = losses[losses["task"].isin([row.task for row in loss_rows])]
    agreement = _read(analysis / "conflict.csv", ["method", "metric"]).assign(task="all")
    if measures["task"].nunique() <= 2:
        # Two tasks are one pair: its share of conflict is 0 or 1, and says less than its cosine.
        agreement = agreement[agreement["metric"] != "conflict_share"]

    def of_main(name: str, *columns: str) -> pd.DataFrame:
        """An analysis's numbers of the methods in the main table."""
        frame = _read(analysis / f"{name}.csv", ["method", *columns])
        return frame[frame["method"].isin(main["method"])]

    by_layer, price = of_main("layers"), of_main("cost")
    spectra = curvature.shown(of_main("curvature", "seed", "task", "draw", *READING))
    around = landscape.shown(of_main("landscape", "task", "x", "y", "loss"))
    planes = around[around["method"].isin(around.loc[around["y"] != 0, "method"])]
    estimates = _read(analysis / "probe.csv", ["method", "source"])
    estimates = estimates[estimates["method"].isin(main["method"]) | (estimates["source"] != "trained")]
    settings = _read(tables / f"{dataset}-sensitivity.csv", ["field", "shift"])

    def curve(kind: str, frame: pd.DataFrame, rows: list[curves.Row], what: str) -> Drawing:
        rows = [row for row in rows if row.metric in set(frame["metric"])]
        part = frame[frame["metric"].isin([row.metric for row in rows])]
        return Drawing(kind, part, lambda: curves.draw(main, part, rows), lambda: curves.describe(part, what))

    test = "Test metrics over updates, mean and 95 % band over seeds"
    train = "Training loss of each task over updates, mean and 95 % band over seeds"
    ran = main[main["delta_m"].notna()] if "delta_m" in main else main[:0]
    line = around[around["y"] == 0]
    found = [
        Drawing("forest", ran, lambda: forest.draw(main), lambda: forest.describe(main)),
        curve("curves", series[series["split"] == "test"], curve_rows(measures), test),
        *(curve(kind, agreement, rows, what) for kind, rows, what in AGREEMENT),
        curve("losses", losses, loss_rows, train),
        Drawing("layers", by_layer, lambda: layers.draw(main, by_layer), lambda: layers.describe(by_layer)),
        Drawing("curvature", spectra, lambda: curvature.draw(main, spectra), lambda: curvature.describe(spectra)),
        Drawing("cost", price, lambda: cost.draw(main, price), lambda: cost.describe(price)),
        Drawing("landscape", line, lambda: landscape.draw_lines(main, around), lambda: landscape.describe(around)),
        Drawing(
            "planes", planes, lambda: landscape.draw_planes(main, planes), lambda: landscape.describe_planes(planes)
        ),
        Drawing("probe", estimates, lambda: probe.draw(estimates), lambda: probe.describe(estimates)),
        Drawing(
            "sensitivity", points(settings), lambda: sensitivity.draw(settings), lambda: sensitivity.describe(settings)
        ),
        Drawing("search", trials, lambda: search.draw(trials), lambda: search.describe(trials)),
    ]
    return [drawing._replace(name=f"{dataset}-{drawing.name}") for drawing in found]


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
    trajectories, ends, front = toy_frames(root)
    step = method.step()
    straight = trajectories[(trajectories["toy"] == "quadratics") & (trajectories["aggregator"] == "ls")]
    return [
        Drawing("toys-step", step, lambda: method.draw(step), lambda: method.describe(step)),
        Drawing("toys-line", straight, lambda: toys.draw_line(trajectories), lambda: toys.describe_line(trajectories)),
        Drawing("toys-paths", trajectories, lambda: toys.draw_paths(trajectories, front), lambda: toys.describe(ends)),
        Drawing("toys-outcomes", ends, lambda: toys.draw_outcomes(trajectories, front), lambda: toys.describe(ends)),
    ]


def toy_frames(root: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The trajectories, their ends and the fronts."""
    trajectories, ends = (
        _read(root / TOYS / f"{name}.csv", ["toy", "aggregator"]) for name in ("trajectories", "ends")
    )
    return trajectories, ends, _read(root / TOYS / "front.csv", ["toy"])


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
