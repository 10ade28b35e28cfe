"""The views that a dataset's page in MLflow opens with: its methods as groups of seeds, the best Delta-m first.

MLflow's page keeps a view that a person saves as a tag of the experiment, and opens it by its key in the address. This
writes such tags. A version of MLflow that spells views otherwise shows its plain table of runs instead.
"""

import json
from collections.abc import Sequence
from typing import Any

from samo.study.tracking.scores import OF_METHOD

METHODS, SEEDS = "methods", "seeds"
"""Keys of the views: each method a row; each run a row below its method's, so that methods can be ticked to compare."""
NAMES = {METHODS: "Methods, best first", SEEDS: "Seeds, to compare methods"}
TAG = "mlflow.sharedViewState."
KIND = {"mlflow.experimentKind": "custom_model_development"}
"""Without it MLflow takes an experiment for one on language models."""
MOST = 6
"""Of more metrics than this, only the first get a column and a chart in front."""


def address(server: str, experiment: str, key: str) -> str:
    """The address of a view."""
    return f"{server}/#/experiments/{experiment}/runs?viewStateShareKey={key}"


def tags(methods: Sequence[str], metrics: Sequence[str], created: int) -> dict[str, str]:
    """The experiment's tags that hold the views.

    Args:
        methods: those of the dataset.
        metrics: "<task>/<metric>" in the order of the tables.
        created: when, in milliseconds.
    """
    folded = {METHODS: methods, SEEDS: ()}
    return {f"{TAG}{key}": _view(name, folded[key], metrics, created) for key, name in NAMES.items()}


def _view(name: str, folded: Sequence[str], metrics: Sequence[str], created: int) -> str:
    """One view; the seeds of methods in `folded` are out of sight at first."""
    shown = list(metrics)[:MOST]
    numbers = [_column("metrics", name) for name in ("delta_m", "gain", *(f"reported/{m}" for m in shown))]
    state: dict[str, Any] = {
        "searchFilter": 'tags.current = "yes" and tags.variant = "no"',
        "orderByKey": _column("metrics", OF_METHOD),  # groups stand in the order of their first run
        "orderByAsc": True,
        "groupBy": {"aggregateFunction": "average", "groupByKeys": [{"mode": "tag", "groupByData": "method"}]},
        "groupsExpanded": {f"tag.method.{method}": False for method in folded},
        "useGroupedValuesInCharts": True,
        "runsHiddenMode": "SHOW_ALL",
        "hideEmptyCharts": True,
        "selectedColumns": [
            *numbers,
            *(_column("params", name) for name in ("lr", "rho")),
        ],
        "columnWidths": dict.fromkeys(numbers, 160),
        "isAccordionReordered": True,  # else the sections stand in alphabetical order
        "compareRunSections": [_section(name) for name in ("Which method wins", "Test values by epoch")],
        "compareRunCharts": [
            _chart("BAR", "Which method wins", "delta_m", "Δm in per cent against STL: lower is better"),
            _chart("BAR", "Which method wins", "gain", "Δm minus that of the aggregator without sharpness"),
            *(_chart("LINE", "Test values by epoch", f"test/{m}", f"test {m.replace('/', ' ')}") for m in shown),
        ],
    }
    # The page reads the state as text within the text.
    envelope = {"name": name, "createdAt": created, "updatedAt": created, "state": json.dumps(state)}
    return json.dumps(envelope)


def _column(kind: str, name: str) -> str:
    return f"{kind}.`{name}`"


def _section(name: str) -> dict[str, Any]:
    return {"uuid": name, "name": name, "display": True, "isReordered": False, "deleted": False, "isGenerated": False}


def _chart(kind: str, section: str, metric: str, words: str) -> dict[str, Any]:
    chart: dict[str, Any] = {
        "type": kind,
        "uuid": f"{kind}-{metric}",
        "runsCountToCompare": 20,
        "metricSectionId": section,
        "deleted": False,
        "isGenerated": False,
        "displayName": words,
        "metricKey": metric,
    }
    if kind == "LINE":
        chart |= {
            "selectedMetricKeys": [metric],
            "lineSmoothness": 0,
            "xAxisKey": "step",
            "yAxisKey": "metric",
            "xAxisScaleType": "linear",
            "scaleType": "linear",
            "range": {},
            "selectedXAxisMetricKey": "",
            "yAxisExpressions": [],
            "ignoreOutliers": False,
            "useGlobalXaxisKey": False,
            "useGlobalLineSmoothing": True,
        }
    return chart
