"""What the notebooks of the stages show beside their results: the settings they ran with, and a cell's outcome."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from samo.figures import cell as figure
from samo.figures.style import svg
from samo.results.stats import mean_interval
from samo.results.tables import Run, metric_names, text, values
from samo.study import config

LONGEST = 12
"""Of a longer list, the number of its entries is shown."""


@dataclass(frozen=True, repr=False)
class Picture:
    """An SVG that a notebook shows, with its words for those who cannot see it."""

    drawing: str
    words: str

    def __repr__(self) -> str:
        """The words, which a notebook keeps beside the drawing."""
        return self.words

    def _repr_svg_(self) -> str:
        return self.drawing


def settings(dataset: str, method: str = "", analysis: str = "") -> pd.DataFrame:
    """What params.yaml says of a dataset, of a method on it, of an analysis; defaults written out."""
    params = config.load()
    block = params.dataset[dataset]
    said: dict[str, Any] = {
        "dataset": dataset,
        "data": block.data.model_dump(),
        "training": block.training.model_dump(),
    }
    if method:
        one = params.methods_on(dataset)[method]
        said = {"dataset": dataset, "method": method, "aggregator": one.aggregator_name} | {
            **{f"aggregator.{key}": value for key, value in one.aggregator_options.items()},
            "sharpness": one.preset_name,
            **{f"sharpness.{key}": value for key, value in one.preset_fields.items()},
            "networks": one.networks,
            **{f"{name}, tried": values for name, values in config.grids(params, dataset, one).items()},
            "seeds": params.seeds_on(dataset),
            **said,
        }
    if analysis:
        said[analysis] = params.options(analysis).model_dump()
    return flat(said)


def flat(facts: Mapping[str, Any]) -> pd.DataFrame:
    """Nested facts as a table of two columns, a dotted name and a value."""
    rows = list(_leaves("", facts))
    return pd.DataFrame({"value": [value for _, value in rows]}, index=pd.Index([name for name, _ in rows]))


def trials(run: Run) -> pd.DataFrame:
    """What was tried on validation data, and which of it was chosen."""
    chosen = run["search"]["chosen"]
    given = [{**chosen, "score": math.nan}]  # nothing to choose, nothing to score
    rows = [
        {
            **{name: text(trial[name]) for name in chosen},
            "validation score": "diverged" if trial["score"] is None else text(trial["score"], 3),
            "": "chosen" if all(trial[name] == value for name, value in chosen.items()) else "",
        }
        for trial in run["search"]["trials"] or given
    ]
    return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1))


def final(run: Run) -> pd.DataFrame:
    """Test values: a row a metric, a column a seed, then the mean and half its 95 % interval (Student's t)."""
    table = pd.DataFrame(values(run).T, index=metric_names(run), columns=[f"seed {seed}" for seed in run["seeds"]])
    intervals = [mean_interval(row) for row in table.to_numpy()]
    table["mean"] = [one.mean for one in intervals]
    table["± 95 %"] = [one.high - one.mean for one in intervals]
    table.insert(0, "unit", [m["unit"] for m in run["metrics"]])
    table.insert(1, "better", ["higher" if m["higher_is_better"] else "lower" for m in run["metrics"]])
    return table.map(lambda v: text(v, 3) if isinstance(v, float) else v)


def curves(run: Run, history: list[dict[str, Any]]) -> Picture:
    """The losses and metrics over the epochs."""
    measured = [(m["task"], m["metric"], m["unit"]) for m in run["metrics"]]
    frame = pd.DataFrame(history).astype({"value": float})
    return Picture(svg(partial(figure.draw, frame, measured)), figure.describe(frame, measured))


def _leaves(name: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [leaf for key, inner in value.items() for leaf in _leaves(f"{name}.{key}".lstrip("."), inner)]
    if isinstance(value, list | tuple):
        shown = ", ".join(str(item) for item in value) if len(value) <= LONGEST else f"{len(value)} entries"
        return [(name, shown)]
    return [(name, "—" if value is None else str(value))]
