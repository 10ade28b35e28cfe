"""Papers' names and ours: every name on either side exists, and printed numbers land in the right unit."""

import pytest

from samo import aggregation
from samo.datasets import qm9
from samo.datasets.parts.dense import depth, normals, segmentation
from samo.optim import sharpness
from samo.study.report import published
from samo.study.report.published_names import DELTA_M, METHODS, METRICS
from tests.study.report.test_published import ROOT

FRAME = published.load(ROOT)
DENSE = {f"{task.TASK.name} {metric[0]}": metric[1] for task in (segmentation, depth) for metric in task.METRICS}
COLUMNS = {
    "cityscapes": DENSE,
    "nyuv2": DENSE | {f"normals {name}": up for name, up, _ in normals.METRICS},
    "qm9": {f"{task} mae": False for task in qm9.TASKS},
    **{key: {"left accuracy": True, "right accuracy": True} for key in METRICS if key.startswith("multi")},
}
"""Our columns, and whether higher is better."""


@pytest.mark.parametrize("dataset", [name for name in METRICS if METRICS[name]])
def test_every_metric_is_printed_somewhere_and_is_a_column_of_ours_with_the_same_direction(dataset):
    printed = FRAME[FRAME["dataset"] == dataset]
    ways = printed.groupby("metric")["higher_is_better"].first()
    for theirs, ours in METRICS[dataset].items():
        assert ways[theirs] == COLUMNS[dataset][ours.column]
    assert len({ours.column for ours in METRICS[dataset].values()}) == len(METRICS[dataset])
    # Delta-m is made of the metrics that are named here, of all of them.
    assert set(published.METRICS.get(dataset, METRICS[dataset])) == set(METRICS[dataset])
    assert set(METRICS[dataset]) | {DELTA_M, "MR", "acc average"} >= set(printed["metric"])


def test_every_dataset_with_printed_numbers_is_there():
    assert set(METRICS) == set(published.KEYS.values())


def test_every_method_is_made_of_what_the_study_has():
    for kind in METHODS.values():
        assert kind.aggregator in aggregation.NAMES
        assert kind.sharpness in sharpness.PRESETS


def test_the_methods_of_the_three_works_are_all_joined():
    theirs = FRAME[FRAME["dataset"].isin(METRICS) & FRAME["paper"].str.contains("ICCV 2025")]
    assert set(theirs["method"]) <= set(METHODS)
