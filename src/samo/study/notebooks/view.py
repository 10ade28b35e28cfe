"""What the notebooks show beside their own results: the settings they ran with, styled tables, pictures."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from pandas.io.formats.style import Styler

from samo.figures.style import svg
from samo.results.stats import mean_interval
from samo.results.tables import Run, metric_names, values
from samo.study import config

LONGEST = 12
"""Of a longer list, only the number of entries is shown."""
PANELS = 9
"""Beyond this many tasks and metrics, only the first are drawn; the rest are in the run's history."""
SPLITS = {"train": "#6e7781", "val": "#0072b2", "test": "#24292f"}
"""The colour of each split's line."""


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
    if analysis:
        return flat({"dataset": dataset, analysis: params.options(analysis).model_dump()})
    block, own = params.datasets[dataset], dict[str, Any]()
    if method:
        one, ranges = params.methods_on(dataset)[method], config.plan(params, dataset, method).ranges
        own = {
            "method": method,
            "aggregator": one.aggregator_name,
            **{f"aggregator.{key}": value for key, value in one.aggregator_options.items()},
            "sharpness": one.preset_name,
            **{f"sharpness.{key}": value for key, value in one.preset_fields.items()},
            "networks": one.networks,
            "optimizer": one.optimizer or block.training.optimizer,
            "updates": params.updates_on(dataset, method),
            "seeds": params.seeds_on(dataset, method),
            **{f"{name}, searched": f"{low:g} to {high:g}" for name, (low, high) in ranges.items()},
        }
    return flat({"dataset": dataset, **own, "data": block.data.model_dump(), "training": block.training.model_dump()})


def flat(facts: Mapping[str, Any]) -> pd.DataFrame:
    """Nested facts as a table of two columns, a dotted name and a value."""
    return pd.Series(dict(_leaves("", facts)), name="value").to_frame()


def picture(draw: Callable[[], Figure], words: str) -> Picture:
    """A figure in the study's style, with the words for those who cannot see it."""
    drawn = svg(draw)
    plt.close("all")  # seaborn draws by way of pyplot, and a notebook would show it twice
    return Picture(drawn, words)


def trials(run: Run) -> Styler:
    """What was tried on validation data, with the choice in bold."""
    chosen = run["search"]["chosen"]
    given = [{**chosen, "score": math.nan}]  # nothing to choose, nothing to score
    tried = pd.DataFrame(run["search"]["trials"] or given)
    table = tried[[*(name for name in chosen if name in tried), "score"]].astype(float)
    table = table.rename(columns={"score": "validation score"}).rename_axis("trial").rename(index=lambda n: n + 1)
    best = (table[list(chosen)].fillna(-1.0) == pd.Series(chosen, dtype=float).fillna(-1.0)).all(axis=1)
    bold = pd.DataFrame("", table.index, table.columns).mask(best, "font-weight: bold")
    shown: dict[Any, Any] = dict.fromkeys(chosen, "{:g}") | {"validation score": "{:.4g}"}
    style = table.style.format(shown, na_rep="diverged" if run["search"]["trials"] else "—")
    return style.apply(lambda _: bold, axis=None).set_caption(f"{run['updates']:,} updates")


def final(run: Run) -> Styler:
    """Test values: a row for every metric, a column for every seed, their mean and its 95 % interval (Student's t).

    Those that do not count stand below the others.
    """
    run = {**run, "metrics": [*run["metrics"], *run["aside"]]}
    table = pd.DataFrame(values(run).T, index=metric_names(run), columns=[f"seed {seed}" for seed in run["seeds"]])
    intervals = [mean_interval(row) for row in table.to_numpy()]
    numbers = [*table.columns, "mean"]
    table["mean"] = [one.mean for one in intervals]
    table["95 % interval"] = ["—" if math.isnan(one.low) else f"{one.low:.3g} to {one.high:.3g}" for one in intervals]
    table.insert(0, "unit", [m["unit"] for m in run["metrics"]])
    table.insert(1, "better", ["higher" if m["higher_is_better"] else "lower" for m in run["metrics"]])
    style = table.style.format(precision=3, subset=numbers, na_rep="—").set_caption(f"{run['updates']:,} updates")
    return style.set_properties(subset=["mean", "95 % interval"], **{"font-weight": "bold"})


def student(sample: pd.Series) -> tuple[float, float]:
    """The 95 % interval of a mean over seeds, as seaborn's `errorbar` takes it."""
    one = mean_interval(sample.to_numpy())
    return one.low, one.high


def panels(run: Run) -> list[str]:
    """The panels to draw, as "<task>: <metric>": losses by task, then metrics, as many as there is room for."""
    losses = [f"{task}: loss" for task in run["tasks"]]
    others = [f"{m['task']}: {m['metric']}" for m in run["metrics"] if m["metric"] != "loss"]
    half = PANELS // 2 if len(losses) + len(others) > PANELS else PANELS
    return (losses[:half] + others)[:PANELS]


def ends(run: Run) -> str:
    """Where the test metrics end, in words."""
    means = values(run).mean(axis=0)
    found = "; ".join(f"{name} {mean:.3g}" for name, mean in zip(metric_names(run), means, strict=True))
    return f"Losses and metrics over the updates, mean and 95 % interval over seeds. At the end: {found}"


def _leaves(name: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [leaf for key, inner in value.items() for leaf in _leaves(f"{name}.{key}".lstrip("."), inner)]
    if isinstance(value, list | tuple):
        shown = ", ".join(str(item) for item in value) if len(value) <= LONGEST else f"{len(value)} entries"
        return [(name, shown)]
    return [(name, "—" if value is None else str(value))]
