"""Reads a condition's results; truncated files, or ones edited into nonsense by hand, are refused by name."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from samo.study import store
from samo.study.config.conditions import Condition
from samo.study.config.load import faults
from samo.training.search import taken_from


class Columns:
    """What a table must have: columns of names, of `counts` (whole numbers, no gaps) and of `numbers` (gaps allowed).

    `infinite` says whether `numbers` may be infinite.
    """

    def __init__(
        self, *names: str, counts: Collection[str] = (), numbers: Collection[str] = (), infinite: bool = False
    ) -> None:
        self.names, self.counts, self.numbers = (*counts, *names, *numbers), counts, numbers
        self.infinite = infinite


HISTORY = Columns("split", "task", "metric", counts=("updates", "seed", "update"), numbers=("value",))
LAYERS = Columns("layer", counts=("updates", "seed", "update"), numbers=("position", "cosine"))
Pairs = Iterable[tuple[str, str]]
"""Conditions as (dataset, method), in the order of params.yaml."""
TOYS = Path("data/analysis/toys")
"""Where the stage `toys` writes."""
REMEDY = "remove it and let `dvc repro` make it again"

Values = dict[str, float | None]
Number = Annotated[str, Field(pattern=r"^\d+$")]
Run = Mapping[str, Any]
"""A condition at one budget; see `view`."""


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class _Measure(_Part):
    task: str
    metric: str
    higher_is_better: bool
    unit: str
    counts: bool


class _Trial(_Part):
    lr: float
    rho: float | None
    alpha: float | None = None
    scores: Values
    score: float | None


class _Search(_Part):
    trials: list[_Trial]
    chosen: Values
    extended: list[str]


class _Budget(_Part):
    chosen: Values
    seeds: dict[Number, dict[str, Values]] = Field(min_length=1)


class _Metrics(_Part):
    """metrics.json, as far as anything reads it; see `samo.study.runs.condition`."""

    dataset: str
    method: str
    aggregator: str
    sharpness: str
    networks: Literal["shared", "separate"]
    optimizer: str
    tasks: list[str] = Field(min_length=1)
    metrics: list[_Measure] = Field(min_length=1)
    updates: dict[Number, _Budget] = Field(min_length=1)


METRICS, SEARCH = TypeAdapter(_Metrics), TypeAdapter(dict[Number, _Search])
"""What a metrics.json and the file of a condition's search hold."""


def check(found: Any, kind: TypeAdapter[Any]) -> dict[str, Any]:
    """The parsed content of a file, as it is.

    Raises:
        ValueError: it is not what a condition writes; the message names the place in it.
    """
    try:
        kind.validate_python(found)
    except ValidationError as error:
        first, *others = faults(error)
        more = f", and {len(others)} faults more" if others else ""
        raise ValueError(f"{first}{more}") from error
    return dict(found)


def _read(path: Path, kind: TypeAdapter[Any]) -> dict[str, Any]:
    found = store.read_json(path)
    try:
        return check(found, kind)
    except ValueError as error:
        raise ValueError(f"{path}: {error}: {REMEDY}") from error


def read_metrics(path: Path) -> dict[str, Any]:
    """A condition's metrics.json.

    Raises:
        ValueError: it is not JSON, or not what a condition writes; the message names the file and the place in it.
    """
    run = _read(path, METRICS)
    if (run["dataset"], run["method"]) != (path.parent.parent.name, path.parent.name):
        raise ValueError(f"{path}: is of the condition {run['dataset']}/{run['method']}: {REMEDY}")
    return run


def read_search(path: Path) -> dict[str, Any]:
    """The trials of a condition: search budget -> trials, choice, and what was extended; empty if it has no file."""
    return _read(path, SEARCH) if path.exists() else {}


def view(metrics: Mapping[str, Any], searched: Mapping[str, Any], updates: int | None = None) -> Run:
    """A condition at one budget, by default its longest, as tables and claims see it.

    `metrics` is from its metrics.json, `searched` has its trials: none for an arm.

    Returns:
        The metrics' head; `updates`, the budget; `seeds`, their test values; `search`, with the `trials` behind the
        choice, and `chosen`; `metrics`, those that count, and `aside`, the others.

    Raises:
        KeyError: it has no such budget.
    """
    n = max(map(int, metrics["updates"])) if updates is None else updates
    one, measures = metrics["updates"][str(n)], metrics["metrics"]
    trials = searched[str(taken_from(map(int, searched), n))]["trials"] if searched else []
    return {
        **metrics,
        "metrics": [m for m in measures if m["counts"]],
        "aside": [m for m in measures if not m["counts"]],
        "search": {"trials": trials, "chosen": one["chosen"]},
        "seeds": one["seeds"],
        "updates": n,
    }


def read_rows(path: Path, columns: Columns, remedy: str = REMEDY) -> pd.DataFrame:
    """A CSV file with at least these columns; `remedy` says what to do if it is broken.

    Raises:
        ValueError: it is no such table, or has text or infinity where numbers belong; the message names the file.
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


def read_runs(root: Path, dataset: str, methods: Iterable[str], updates: int | None = None) -> dict[str, Run | None]:
    """Each method's `view` at a budget, by default its longest; None if the condition has not run at that budget."""
    found: dict[str, Run | None] = dict.fromkeys(methods)
    for method in found:
        own = Condition(dataset, method)
        if (file := root / own.runs / "metrics.json").exists():
            metrics = read_metrics(file)
            if updates is None or str(updates) in metrics["updates"]:
                found[method] = view(metrics, read_search(root / own.search), updates)
    return found


def read_histories(
    root: Path, dataset: str, methods: Iterable[str], name: str = "history.csv", *, whole: bool = False
) -> dict[str, pd.DataFrame | None]:
    """Each method's history.csv, or layers.csv, at its longest budget or, if `whole`, at all budgets.

    None if the condition has not been run or has no such file.
    """
    found: dict[str, pd.DataFrame | None] = dict.fromkeys(methods)
    for method in found:
        if (file := root / Condition(dataset, method).runs / name).exists():
            rows = read_rows(file, LAYERS if name == "layers.csv" else HISTORY)
            found[method] = rows if whole else rows[rows["updates"] == rows["updates"].max()]
    return found
