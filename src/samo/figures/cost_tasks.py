"""What a step costs against the number of tasks: measured on every dataset, beside the count of passes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from samo.analysis.cost import passes
from samo.figures.palette import label, look
from samo.figures.style import grid, headed, name_ends
from samo.optim.sharpness import preset

COLUMNS = ["dataset", "tasks", "method", "sharpness", "ratio", "ratio_low", "ratio_high", "count_ratio"]


def points(found: Mapping[str, tuple[int, pd.DataFrame, pd.DataFrame]]) -> pd.DataFrame:
    """A row per dataset and sharpness under LS: `COLUMNS`.

    `found` maps a dataset to its number of tasks, its main table and its frame of the analysis `cost`. No rows where
    all datasets have the same number of tasks.
    """
    rows = []
    for dataset, (tasks, main, cost) in found.items():
        if "aggregator" not in main or cost.empty:
            continue
        kinds = main[(main["aggregator"] == "ls") & (main["networks"] == "shared")]
        kinds = kinds.drop_duplicates("sharpness")[["method", "sharpness"]]
        rows.append(kinds.merge(cost, on="method").assign(dataset=dataset, tasks=tasks))
    frame = pd.concat(rows)[COLUMNS] if rows else pd.DataFrame(columns=COLUMNS)
    return frame if len(set(frame["tasks"])) > 1 else frame[:0]


def draw(frame: pd.DataFrame) -> Figure:
    """Step time over that of LS against tasks (the frame of `points`), both logarithmic; lines are counts of passes."""
    figure, [[axes]] = grid(1, 1, 3.6)
    span = np.unique(np.geomspace(frame["tasks"].min(), frame["tasks"].max(), 40).round())
    dashed: dict[str, Any] = {"linewidth": 1.2, "linestyle": (0, (4, 2)), "marker": ""}
    ends = []
    for name, part in frame.groupby("sharpness", sort=False):
        counts = [passes(preset(str(name)), int(k), scalarised=True) / 3 for k in span]
        axes.plot(span, counts, **look(str(name), **dashed, label=""))
        ends.append((str(name), float(span[-1]), counts[-1]))
        errors = [part["ratio"] - part["ratio_low"], part["ratio_high"] - part["ratio"]]
        axes.errorbar(part["tasks"], part["ratio"], yerr=errors, **look(str(name), linestyle="", elinewidth=1.6))
    named = frame.drop_duplicates("dataset").groupby("tasks")["dataset"].agg(lambda names: ", ".join(map(label, names)))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(list(named.index), [f"{k}\n{names}" for k, names in named.items()])
    highest = float(frame[["ratio_high", "count_ratio"]].max().max())
    levels = [level for level in (1, 2, 3, 5, 10, 20, 30, 50, 100, 200) if level <= 1.3 * highest]
    axes.set_yticks(levels, [f"{level}×" for level in levels])
    axes.minorticks_off()
    axes.set_xlabel("tasks")
    headed(axes, "time of a training step, multiples of an LS step there; dashed: by the count of passes")
    axes.margins(x=0.06)
    name_ends(axes, ends)
    return figure


def describe(frame: pd.DataFrame) -> str:
    said = [
        f"{r['sharpness']} with {r['tasks']} tasks ({r['dataset']}) {r['ratio']:.1f}, by count {r['count_ratio']:.1f}"
        for r in frame.to_dict("records")
    ]
    return "Step time as a multiple of an LS step against the number of tasks: " + "; ".join(said)
