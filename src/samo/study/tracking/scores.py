"""The numbers by which MLflow's runs are compared: Delta-m, what it is made of, and the distance to the base method."""

import math
from statistics import fmean

from samo.results import tables
from samo.results.metrics import delta_m

OF_METHOD = "delta_m_of_method"
DIGITS = 4
"""Decimals: MLflow shows all it has."""


def scores(runs: tables.Runs) -> dict[str, dict[str, dict[str, float]]]:
    """Method -> seed -> name -> value, of one dataset.

    `reported/<task>/<metric>` is the test value that counts. `delta_m` (per cent, lower is better) is taken against the
    mean over STL's seeds, as in the tables; `delta_m/<task>/<metric>` is that of one metric alone, and `delta_m` their
    mean; `delta_m_of_method` is the mean over the method's seeds, the same for all of them, to sort by. STL itself has
    0 by definition. `gain` is Delta-m minus that of the same seed of the base method. What is not known (STL or the
    base was not run, a value is missing) is left out.
    """
    single = tables.reference(runs)
    return {name: _of(name, run, runs, single) for name, run in runs.items() if run}


def _of(name: str, run: tables.Run, runs: tables.Runs, single: str | None) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {seed: {} for seed in run["seeds"]}
    names = [f"{m['task']}/{m['metric']}" for m in run["metrics"]]
    ours, better = tables.values(run), tables.higher(run)
    for column, metric in enumerate(names):
        _note(found, f"reported/{metric}", ours[:, column].tolist())
    against = runs[single] if single else None
    if against is None:
        return found
    if name == single:
        for told in ("delta_m", OF_METHOD):
            _note(found, told, [0.0] * len(found))
        return found
    theirs = tables.values(against).mean(axis=0)
    for i, metric in enumerate(names):
        own = [i]  # Delta-m of this metric alone
        _note(found, f"delta_m/{metric}", delta_m(ours[:, own], theirs[own], [better[i]]).tolist())
    deltas = tables.delta_by_seed(run, against)
    _note(found, "delta_m", list(deltas.values()))
    _note(found, OF_METHOD, [fmean(deltas.values())] * len(found))
    base = runs.get(tables.base_of(name, runs) or "")
    if base:
        plain = tables.delta_by_seed(base, against)
        _note(found, "gain", [value - plain.get(seed, math.nan) for seed, value in deltas.items()])
    return found


def _note(found: dict[str, dict[str, float]], name: str, values: list[float]) -> None:
    for seed, value in zip(found, values, strict=True):
        if math.isfinite(value):
            found[seed][name] = round(value, DIGITS)
