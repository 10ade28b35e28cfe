"""Runs to tidy frames: the main table, gains over the base method, curves, search trials.

A *run* is one condition's `metrics.json` as parsed, of all its seeds; `None` stands for one that has not been run. Runs
come as a mapping from method name to run, in the order of params.yaml, one mapping per dataset.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from samo.results.method import specs
from samo.results.metrics import Floats, delta_m, has_relative_change, mean_rank
from samo.results.stats import Interval, delta_m_interval, mean_interval, paired_interval, summarise

Run = Mapping[str, Any]
Runs = Mapping[str, Run | None]
CHOICES = ("lr", "rho", "alpha")
"""What is chosen on validation data."""


def reference(runs: Runs) -> str | None:
    """The method against which Delta-m is taken: one network per task, no sharpness (STL). None if it was not run."""
    return next((name for name, spec in specs(runs).items() if spec.single), None)


def metric_names(run: Run) -> list[str]:
    """Column names, "<task> <metric>", in the run's own order."""
    return [f"{m['task']} {m['metric']}" for m in run["metrics"]]


def higher(run: Run) -> list[bool]:
    """Whether larger is better, per metric [S]."""
    return [bool(m["higher_is_better"]) for m in run["metrics"]]


def values(run: Run) -> Floats:
    """Test values [n seeds, S metrics]; a value that is missing or null (a run that diverged) is NaN."""
    rows = [[seed.get(m["task"], {}).get(m["metric"]) for m in run["metrics"]] for seed in run["seeds"].values()]
    return np.array(rows, dtype=float).reshape(len(rows), len(run["metrics"]))


def delta_by_seed(run: Run, against: Run) -> dict[str, float]:
    """Delta-m of each seed of `run` against the mean of the other's seeds."""
    per_seed = delta_m(values(run), values(against).mean(axis=0), higher(run))
    return {seed: float(d) for seed, d in zip(run["seeds"], per_seed, strict=True)}


def base_of(method: str, runs: Runs) -> str | None:
    """The method with the same networks and aggregator but no sharpness; None for such a method itself."""
    known = specs(runs)
    base = known[method].base(known.values()) if method in known else None
    return base.name if base else None


def main(runs: Runs) -> pd.DataFrame:
    """The main table of one dataset: a row per method (STL first), columns as in reports/tables/<dataset>.csv.

    method, aggregator, sharpness, networks, base, n_seeds; each "<task> <metric>" with "… low" and "… high";
    delta_m, delta_m_low, delta_m_high (per cent); gain, gain_low, gain_high (Delta-m of the base method minus its
    own, paired by seed: above 0 is better); mean_rank among the joint methods; lr and rho as chosen on validation data.
    A condition that was not run keeps its row, with gaps.
    """
    single = reference(runs)
    frame = pd.DataFrame([_row(name, runs, single) for name in sorted(runs, key=lambda name: name != single)])
    if (ran := _first(runs)) is None:
        return frame
    joint = frame["networks"] == "shared"
    frame.loc[joint, "mean_rank"] = mean_rank(frame.loc[joint, metric_names(ran)], higher(ran))
    tail = [name for name in ("mean_rank", "lr", "rho") if name in frame]
    return frame[[c for c in frame.columns if c not in tail] + tail]


def _first(runs: Runs) -> Run | None:
    return next((run for run in runs.values() if run), None)


def _row(method: str, runs: Runs, single: str | None) -> dict[str, Any]:
    run = runs[method]
    if run is None:
        return {"method": method, "n_seeds": 0}
    row: dict[str, Any] = {key: run[key] for key in ("method", "aggregator", "sharpness", "networks")}
    row |= {"base": base_of(method, runs), "n_seeds": len(run["seeds"])}
    for name, column in zip(metric_names(run), values(run).T, strict=True):
        row |= _columns(name, mean_interval(column), " ")
    if method == single:
        # Zero by definition; the noise of STL is in every other row's interval.
        row["delta_m"] = 0.0
    elif against := runs.get(single or ""):
        row |= _columns("delta_m", delta_m_interval(values(run), values(against), higher(run)), "_")
        if base := runs.get(row["base"] or ""):
            pair = paired_interval(delta_by_seed(base, against), delta_by_seed(run, against))
            row |= _columns("gain", pair, "_")
    return row | dict(run["search"]["chosen"])


def _columns(name: str, interval: Interval, joiner: str) -> dict[str, float]:
    return {name: interval.mean, f"{name}{joiner}low": interval.low, f"{name}{joiner}high": interval.high}


def clear(results: Mapping[str, Mapping[str, float]], *, higher_is_better: bool) -> str | None:
    """The method that may stand in bold: the one that beats every other by more than the noise of the seeds, or None.

    The 95 % interval of the difference of the best mean to each of the others, paired by seed, lies wholly on its side.
    No correction is made for the number of rivals: to win, it must beat the closest of them, too.

    `results` maps a method to its value by seed. A method with a missing value (a run that diverged) takes no part; one
    alone has nothing to beat.
    """
    sign = 1.0 if higher_is_better else -1.0
    whole = {name: seeds for name, seeds in results.items() if seeds and np.isfinite(list(seeds.values())).all()}
    if len(whole) < 2:
        return None
    first = max(whole, key=lambda name: sign * float(np.mean(list(whole[name].values()))))
    gaps = [paired_interval(whole[first], whole[name]) for name in whole if name != first]
    return first if all(gap.sign == sign for gap in gaps) else None


def best(runs: Runs) -> pd.DataFrame:
    """A row per column of the main table, with the method that is `clear` there: column, method (empty where none is).

    Single-task training takes no part.
    """
    single = reference(runs)
    ran = {name: run for name, run in runs.items() if run and name != single}
    found: dict[str, str | None] = {}
    if against := runs.get(single or ""):
        by_method = {name: delta_by_seed(run, against) for name, run in ran.items()}
        found["delta_m"] = clear(by_method, higher_is_better=False)
    if run := _first(ran):
        for k, (name, up) in enumerate(zip(metric_names(run), higher(run), strict=True)):
            column = {m: dict(zip(r["seeds"], values(r)[:, k].tolist(), strict=True)) for m, r in ran.items()}
            found[name] = clear(column, higher_is_better=up)
    return pd.DataFrame([(column, method or "") for column, method in found.items()], columns=["column", "method"])


def metric_columns(table: pd.DataFrame) -> list[str]:
    """The "<task> <metric>" columns of a main table, without their limits."""
    return [c for c in table.columns if f"{c} low" in table.columns]


def left_out(table: pd.DataFrame) -> list[str]:
    """The metric columns of a main table that Delta-m leaves out, since single-task training is at 0 there."""
    single = table[is_reference(table)]
    return [name for name in metric_columns(table) if not has_relative_change(single[name]).all()]


def search(runs: Runs) -> pd.DataFrame:
    """Every trial of every condition: method, aggregator, sharpness, networks, lr, rho, alpha, score, chosen (boolean).

    A score is null where training diverged; a method with nothing to search has no rows.
    """
    rows = [
        {"method": name, **{key: run[key] for key in ("aggregator", "sharpness", "networks")}, **trial}
        | {"chosen": all(trial.get(name) == run["search"]["chosen"].get(name) for name in CHOICES)}
        for name, run in runs.items()
        if run
        for trial in run["search"]["trials"]
    ]
    names = ["method", "aggregator", "sharpness", "networks", *CHOICES, "score", "chosen"]
    return pd.DataFrame(rows, columns=names).astype(dict.fromkeys((*CHOICES, "score"), float) | {"chosen": bool})


def curves(histories: Mapping[str, pd.DataFrame | None]) -> pd.DataFrame:
    """Every series over seeds: method, updates (the budget), update, split, task, metric, mean, low, high, n."""
    keys = ["method", "updates", "update", "split", "task", "metric"]
    frames = [frame.assign(method=name) for name, frame in histories.items() if frame is not None]
    if not frames:
        return pd.DataFrame(columns=[*keys, "mean", "low", "high", "n"])
    return summarise(pd.concat(frames, ignore_index=True), keys)


def measures(runs: Runs) -> pd.DataFrame:
    """What the metric columns are: task, metric, higher_is_better, unit, in the runs' own order."""
    run = _first(runs)
    return pd.DataFrame(run["metrics"] if run else [], columns=["task", "metric", "higher_is_better", "unit"])


def is_reference(table: pd.DataFrame) -> "pd.Series[bool]":
    """Which row of a main table is single-task training, the zero of Delta-m."""
    if "networks" not in table:
        return pd.Series(False, index=table.index)
    return (table["networks"] == "separate") & (table["sharpness"] == "none")


def markdown(table: pd.DataFrame, right: Sequence[str] | None = None) -> str:
    """A frame of words as GitHub's Markdown, its column names as heads; all columns but the first right-aligned."""
    right = list(table.columns[1:]) if right is None else right
    lines = [table.columns, ["--:" if name in right else ":--" for name in table.columns], *table.to_numpy()]
    return "".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def choices(table: pd.DataFrame) -> list[str]:
    """The columns of a main table that were chosen on validation data: lr and rho, and alpha where it was searched."""
    return [name for name in CHOICES if name in table or name != "alpha"]


def text(value: object, digits: int | None = None) -> str:
    """A number for people: `digits` decimals (as short as can be without), a true minus, — for a gap."""
    if not isinstance(value, int | float) or np.isnan(value):
        return "—"
    return (f"{value:g}" if digits is None else f"{value:.{digits}f}").replace("-", "−")


def limits(row: Mapping[Any, Any], name: str) -> str:
    """The interval of column `name` as "low … high", or — where it is unknown."""
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    return "—" if text(low) == "—" else f"{text(low, 2)} … {text(high, 2)}"
