"""All that can be drawn: every figure of the report with its numbers, from reports/tables and data/analysis."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.figure import Figure

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
    method,
    pair,
    probe,
    search,
    sensitivity,
    toys,
    variants,
)
from samo.results import ladder
from samo.results.sensitivity import points
from samo.study.report import published, reference
from samo.study.report.sources import frame
from samo.study.runs.results import TOYS

MOST_ROWS = 6  # of more task metrics only the first are drawn; the rest are in the figure's numbers and the table
ESTIMATES = "data/reference/estimates.csv"  # what `samo estimates` found on several networks (docs/estimates.md)
SHARE = (-0.04, 1.04)
AGREEMENT = {
    "cosine": [curves.Row("all", "cosine_mean", "mean cosine between task gradients", 0.0)],
    "conflict": [
        curves.Row("all", "minibatch_conflict", "share of training mini-batches in conflict", limits=SHARE),
        curves.Row("all", "conflict_share", "share of task pairs in conflict (cosine < 0)", limits=SHARE),
    ],
    "norms": [curves.Row("all", "magnitude_ratio", "length of the shortest task gradient / the longest", limits=SHARE)],
}
"""The figures of the analysis `conflict`, with their rows of panels."""


class Drawing(NamedTuple):
    """One figure: its name, the numbers it shows, how it is drawn, and a description for those who cannot see it."""

    name: str
    data: pd.DataFrame
    draw: Callable[[], Figure]
    words: Callable[[], str]


def every(root: Path, datasets: Iterable[str]) -> list[Drawing]:
    """All drawings; one without numbers means that its conditions or analysis have not been run."""
    mains = {dataset: _table(root, dataset, "method") for dataset in datasets}
    run, later = reference.load(root), second(root)
    shipped = {dataset: run.main(dataset) for dataset in run.runs} if run else {}
    found = [drawing for dataset, main in mains.items() for drawing in of_dataset(root, dataset, main)]
    if (root / published.FILE).exists():
        printed = published.load(root)
        for dataset, main in mains.items():
            runs = {"reference run": shipped[dataset]} if dataset in shipped else {}
            points = published.points(dataset, printed, runs | {"this run": main})
            found.append(_simple(f"{dataset}-beside", beside, points))
    costs = {
        dataset: (_table(root, f"{dataset}-measures", "task")["task"].nunique(), main, _analysis(root, dataset, "cost"))
        for dataset, main in mains.items()
    }
    agreement = frame(root / reference.SECOND / reference.AGREEMENT, "dataset", "method")
    return [
        *found,
        _simple("all-tasks", cost_tasks, cost_tasks.points(costs)),
        *of_budgets("all", _table(root, "ladder", *ladder.COLUMNS)),
        *of_toys(root),
        _simple("reference-gains", gains, gains.table(shipped)),
        *of_budgets("reference", run.budgets if run else pd.DataFrame(columns=ladder.COLUMNS)),
        *of_budgets("second", later),
        _simple("second-variants", variants, ladder.variants(later)),
        _simple("second-pair", pair, agreement.query("dataset == dataset.min() and method == 'ls'")),
        _simple("estimates-cosine", estimates, frame(root / ESTIMATES, "network")),
    ]


def second(root: Path) -> pd.DataFrame:
    """The second reference run as far as it exists; a frame of samo.results.ladder.table."""
    return frame(root / reference.SECOND / reference.BUDGETS, *ladder.COLUMNS)


def of_budgets(of: str, found: pd.DataFrame) -> list[Drawing]:
    """The drawings over budgets; persistence and equal compute need two of them."""
    pooled, equal = ladder.pooled(found), ladder.pooled(ladder.equal_compute(found))
    over = pooled if len(set(pooled["updates"])) > 1 else pooled[:0]
    doses, rates = (one[one["sharpness"].isin(dose.SHOWN)] for one in (ladder.doses(found), ladder.rates(found)))
    # An aggregator alone at given rates is a control of what is not shown there.
    rates = rates[rates.groupby(["dataset", "aggregator"])["sharpness"].transform("nunique") > 1]
    return [
        _simple(f"{of}-compute", budgets, pooled),
        Drawing(f"{of}-persistence", over, partial(budgets.draw, over, "updates"), partial(budgets.describe, over)),
        _simple(f"{of}-equal", budgets, equal),
        _simple(f"{of}-dose", dose, doses),
        Drawing(f"{of}-rates", rates, partial(dose.draw, rates, "lr"), partial(dose.describe, rates, "lr")),
    ]


def of_dataset(root: Path, dataset: str, main: pd.DataFrame) -> list[Drawing]:
    """The drawings of one dataset; `main` is its main table."""
    measures = _table(root, f"{dataset}-measures", "task")
    trials = _table(root, "search", "dataset").query("dataset == @dataset").drop(columns="dataset")
    series = _table(root, "curves", "dataset", "split", "task", "metric")
    series = series.query("dataset == @dataset").drop(columns="dataset")
    losses = series.query("split == 'train' and metric == 'loss'")
    tasks = list(losses["task"].unique()[:MOST_ROWS])
    agreement = _analysis(root, dataset, "conflict", "metric").assign(task="all")
    if measures["task"].nunique() <= 2:
        # Two tasks make a single pair, whose share of conflict is 0 or 1 and says less than its cosine.
        agreement = agreement[agreement["metric"] != "conflict_share"]

    def of_main(name: str, *columns: str) -> pd.DataFrame:
        """An analysis's numbers of the methods in the main table."""
        found = _analysis(root, dataset, name, *columns)
        return found[found["method"].isin(main["method"])]

    def curve(kind: str, numbers: pd.DataFrame, rows: list[curves.Row], what: str = "") -> Drawing:
        rows = [row for row in rows if row.metric in set(numbers["metric"])]
        part = numbers[numbers["metric"].isin([row.metric for row in rows])]
        words = f"{what or rows[0].heading if rows else kind}, mean and 95 % interval over seeds"
        return Drawing(kind, part, partial(curves.draw, main, part, rows), partial(curves.describe, part, words))

    around = landscape.shown(of_main("landscape", "task", "x", "y", "loss"))
    line, planes = around[around["y"] == 0], around[around["method"].isin(around.loc[around["y"] != 0, "method"])]
    spectra = curvature.shown(of_main("curvature", "seed", "task", "draw", "measure", "value", "residual"))
    probed = _analysis(root, dataset, "probe", "source")
    probed = probed[probed["method"].isin(main["method"]) | (probed["source"] != "trained")]
    settings = _table(root, f"{dataset}-sensitivity", "field", "shift")
    rows = [curves.Row(str(task), "loss", f"{task}: training loss") for task in tasks]
    varied = partial(sensitivity.draw, settings), partial(sensitivity.describe, settings)
    over = partial(landscape.draw_planes, main, planes), partial(landscape.describe_planes, planes)
    ran = main[main["delta_m"].notna()] if "delta_m" in main else main[:0]
    found = [
        Drawing("forest", ran, partial(forest.draw, main), partial(forest.describe, main)),
        curve("curves", series[series["split"] == "test"], curve_rows(measures), "Test metrics over training"),
        *(curve(kind, agreement, rows) for kind, rows in AGREEMENT.items()),
        curve("losses", losses[losses["task"].isin(tasks)], rows, "Training loss of each task"),
        _simple("layers", layers, of_main("layers"), main),
        _simple("curvature", curvature, spectra, main),
        _simple("cost", cost, of_main("cost"), main),
        Drawing("landscape", line, partial(landscape.draw_lines, main, around), partial(landscape.describe, around)),
        Drawing("planes", planes, *over),
        _simple("probe", probe, probed),
        Drawing("sensitivity", points(settings), *varied),
        _simple("search", search, trials),
    ]
    return [drawing._replace(name=f"{dataset}-{drawing.name}") for drawing in found]


def of_toys(root: Path) -> list[Drawing]:
    """The drawings of the toys, which belong to no dataset."""
    walks, ends = (frame(root / TOYS / f"{name}.csv", "toy", "aggregator") for name in ("trajectories", "ends"))
    front = frame(root / TOYS / "front.csv", "toy")
    straight = walks[(walks["toy"] == "quadratics") & (walks["aggregator"] == "ls")]
    said = partial(toys.describe, ends)
    return [
        _simple("toys-step", method, method.step()),
        Drawing("toys-line", straight, partial(toys.draw_line, walks), partial(toys.describe_line, walks)),
        Drawing("toys-paths", walks, partial(toys.draw_paths, walks, front), said),
        Drawing("toys-outcomes", ends, partial(toys.draw_outcomes, walks, front), said),
    ]


def curve_rows(measures: pd.DataFrame) -> list[curves.Row]:
    """One row of panels per task and metric, at most `MOST_ROWS`."""
    return [
        curves.Row(m["task"], m["metric"], f"{m['task']}: test {m['metric']}, {m['unit']}".rstrip(", "))
        for m in measures[:MOST_ROWS].fillna("").to_dict("records")
    ]


def _simple(name: str, module: Any, data: pd.DataFrame, *table: pd.DataFrame) -> Drawing:
    """A module that draws and describes one frame, after the main table where it needs one."""
    return Drawing(name, data, partial(module.draw, *table, data), partial(module.describe, data))


def _table(root: Path, name: str, *columns: str) -> pd.DataFrame:
    return frame(root / f"reports/tables/{name}.csv", *columns)


def _analysis(root: Path, dataset: str, name: str, *columns: str) -> pd.DataFrame:
    return frame(root / f"data/analysis/{dataset}/{name}.csv", "method", *columns)
