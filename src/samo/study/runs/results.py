"""A condition's results as they are read: files that were cut, or edited by hand into nonsense, are refused by name."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from samo.results.tables import Run
from samo.study import store
from samo.study.config.load import faults


class Columns:
    """What a table has to have.

    Args:
        names: of its columns.
        counts: those that hold whole numbers, without gaps.
        numbers: those that hold numbers, with gaps.
        infinite: whether infinity is such a number.
    """

    def __init__(
        self, *names: str, counts: Collection[str] = (), numbers: Collection[str] = (), infinite: bool = False
    ) -> None:
        self.names, self.counts, self.numbers = (*counts, *names, *numbers), counts, numbers
        self.infinite = infinite


HISTORY = Columns("split", "task", "metric", counts=("seed", "epoch"), numbers=("value",))
LAYERS = Columns("layer", counts=("seed", "epoch"), numbers=("position", "cosine"))
Pairs = Iterable[tuple[str, str]]
"""Conditions as (dataset, method), in the order of params.yaml."""
TOYS = Path("data/analysis/toys")
"""Where the stage `toys` writes."""
REMEDY = "remove it and let `dvc repro` make it again"

Values = dict[str, float | None]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class _Measure(_Part):
    task: str
    metric: str
    higher_is_better: bool
    unit: str


class _Search(_Part):
    trials: list[Values]
    chosen: Values


class _Metrics(_Part):
    """metrics.json, as far as anything reads it; see `samo.study.runs.cell`."""

    dataset: str
    method: str
    aggregator: str
    sharpness: str
    networks: Literal["shared", "separate"]
    tasks: list[str] = Field(min_length=1)
    metrics: list[_Measure] = Field(min_length=1)
    search: _Search
    seeds: dict[str, dict[str, Values]] = Field(min_length=1)


def read_metrics(path: Path) -> Run:
    """A condition's metrics.json.

    Raises:
        ValueError: it is not JSON, or not what a condition writes; the message names the file and the place in it.
    """
    found = store.read_json(path)
    try:
        run = check(found)
    except ValueError as error:
        raise ValueError(f"{path}: {error}: {REMEDY}") from error
    if (run["dataset"], run["method"]) != (path.parent.parent.name, path.parent.name):
        raise ValueError(f"{path}: is of the condition {run['dataset']}/{run['method']}: {REMEDY}")
    return run


def check(found: Any) -> Run:
    """The parsed content of a metrics.json, as it is.

    Raises:
        ValueError: it is not what a condition writes; the message names the place in it.
    """
    try:
        known = _Metrics.model_validate(found)
    except ValidationError as error:
        first, *others = faults(error)
        more = f", and {len(others)} faults more" if others else ""
        raise ValueError(f"{first}{more}") from error
    if odd := [seed for seed in known.seeds if not seed.isdecimal()]:
        raise ValueError(f"seeds.{odd[0]} is no whole number")
    run: Run = found
    return run


def read_rows(path: Path, columns: Columns, remedy: str = REMEDY) -> pd.DataFrame:
    """A CSV file with at least these columns; `remedy` says what to do where it is broken.

    Raises:
        ValueError: it is no such table, or text or infinity stands where numbers belong; the message names the file.
    """
    try:
        found = pd.read_csv(path)
    except (ValueError, OSError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"{path}: no table ({reason}): {remedy}") from error
    if missing := [name for name in columns.names if name not in found]:
        raise ValueError(f"{path}: no column {', '.join(missing)}: {remedy}")
    for name in (*columns.counts, *columns.numbers):
        column = pd.to_numeric(found[name], errors="coerce")
        wrong = found[name].notna() & column.isna()
        if not columns.infinite:
            wrong |= np.isinf(column.astype(float))
        if name in columns.counts:
            wrong |= column.isna() | (column != column.round())
        if wrong.any():
            at = int(wrong.to_numpy().argmax())
            said: Any = found[name].iloc[at]
            raise ValueError(f"{path}, line {at + 2}: {name} is {str(said)[:60]!r}, not a number: {remedy}")
    return found


def by_dataset(pairs: Pairs) -> dict[str, list[str]]:
    """{dataset: [method, …]} in the order of the conditions."""
    out: dict[str, list[str]] = {}
    for dataset, method in pairs:
        out.setdefault(dataset, []).append(method)
    return out


def read_runs(root: Path, dataset: str, methods: Iterable[str]) -> dict[str, Run | None]:
    """Each method's parsed metrics.json, or None where the condition has not been run."""
    files = {method: root / "data/runs" / dataset / method / "metrics.json" for method in methods}
    return {method: read_metrics(file) if file.exists() else None for method, file in files.items()}


def read_histories(
    root: Path, dataset: str, methods: Iterable[str], name: str = "history.csv"
) -> dict[str, pd.DataFrame | None]:
    """Each method's history.csv, or layers.csv; None where the condition has not been run or has no such file."""
    files = {method: root / "data/runs" / dataset / method / name for method in methods}
    kind = LAYERS if name == "layers.csv" else HISTORY
    return {method: read_rows(file, kind) if file.exists() else None for method, file in files.items()}
