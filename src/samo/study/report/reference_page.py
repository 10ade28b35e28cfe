"""The shipped reference run as a piece of the report, beside the run at hand."""

from collections.abc import Mapping
from html import escape
from typing import Any

import pandas as pd

from samo.figures.palette import label
from samo.study.report.page import facts, interval, number, sortable
from samo.study.report.reference import Reference


def about(run: Reference) -> str:
    """What it was made of and with."""
    said = run.about
    sizes = {
        label(dataset): f"{len(methods)} methods, {len(run.params.seeds_on(dataset))} seeds"
        for dataset, methods in run.runs.items()
    }
    made = {
        "conditions": said["conditions"] - len(said["missing"]),
        **({"conditions that failed": said["missing"]} if said["missing"] else {}),
        **sizes,
        "commit": said["commit"][:10],
        "processor": said["processor"],
        "versions": ", ".join(f"{name} {version}" for name, version in said["versions"].items()),
    }
    return facts("How it was made", made)


def side_by_side(dataset: str, ours: pd.DataFrame, theirs: pd.DataFrame) -> str:
    """Delta-m, and the difference to the same aggregator alone, of the reference run and of the run at hand.

    Args:
        dataset: our key.
        ours: the main table of the run at hand.
        theirs: that of the reference run.
    """
    runs = [{row["method"]: row for row in main.to_dict("records")} for main in (theirs, ours)]
    body = [
        f'<tr><th scope="row"><code>{escape(str(method))}</code></th>'
        + "".join(interval(run.get(method, {}), name) for name in ("delta_m", "gain") for run in runs)
        + "".join(_seeds(run.get(method, {})) for run in runs)
        + "</tr>"
        for method in dict.fromkeys([*runs[0], *runs[1]])
    ]
    heads = [f"{what}: {run}" for what in ("Δm, %", "Δm − base", "seeds") for run in ("reference run", "this run")]
    title = f"{label(dataset)}: the reference run and this run, with 95 % intervals"
    return sortable(f"{dataset}-reference", title, ["method", *heads], body)


def _seeds(row: Mapping[Any, Any]) -> str:
    return number(row["n_seeds"] or None, 0) if row else number(None)
