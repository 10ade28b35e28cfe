"""The published numbers: as they are read, joined with our names, and beside ours with nothing invented."""

import math
from pathlib import Path

import pandas as pd
import pytest

from samo import aggregation
from samo.datasets import qm9
from samo.datasets.parts.dense.tasks import DEPTH, NORMALS, SEGMENTATION
from samo.optim import sharpness
from samo.results import tables
from samo.study.report import published
from samo.study.report.published import DELTA_M, METHODS, Kind, Ours, beside, find
from samo.study.report.table import Cell, Table
from tests.made import made_run
from tests.study.made_study import ROOT

LEFT = "acc task 1 (top-left)"
HEAD = "paper,table,dataset,method,metric,value,plus_minus,higher_is_better,note\n"


def written(root: Path, *rows: str) -> Path:
    """A project with these rows as its published numbers."""
    folder = root / "data" / "reference"
    folder.mkdir(parents=True)
    (folder / "published_results.csv").write_text(HEAD + "\n".join(rows) + "\n")
    return root


def test_the_file_names_each_number_once_and_its_datasets_by_our_keys():
    frame = published.load(ROOT)
    assert len(frame) == 1837
    assert not frame.duplicated(["paper", "table", "dataset", "method", "metric"]).any()
    assert set(published.KEYS.values()) <= set(frame["dataset"])
    assert not set(published.KEYS) & set(frame["dataset"])
    assert (frame[["paper", "table", "method", "metric"]] != "").all(axis=None)
    assert frame.groupby("metric")["higher_is_better"].nunique().max() == 1


def test_printed_digits_are_counted(tmp_path):
    root = written(tmp_path, "P,Table 1,NYUv2,LS,mIoU,22.60,0.5,1,", "P,Table 1,Elsewhere,LS,Abs Err,7,,0,read off")
    rows = published.load(root)
    read = rows[["decimals", "value", "dataset", "higher_is_better"]].to_numpy().tolist()
    assert read == [[2, 22.6, "nyuv2", True], [0, 7.0, "Elsewhere", False]]
    assert rows["plus_minus"].tolist() == pytest.approx([0.5, math.nan], nan_ok=True)


def test_a_tables_delta_m_is_as_printed_or_worked_out_against_its_own_stl(tmp_path):
    digits = (LEFT, "acc task 2 (bottom-right)")
    rows = [f"Table 1,MultiMNIST,{name},{metric},{n},,1," for name, n in (("STL", 80), ("LS", 60)) for metric in digits]
    rows.append(f"Table 2,MultiMNIST,SAMO-LS,{digits[0]},90,,1,")
    rows += ["Table 3,MultiMNIST,SAMO-LS,Delta_m%,-1.5,,0,", "Table 3,MultiMNIST,GO4Align,Delta_m%,-9,,0,"]
    printed = published.load(written(tmp_path, *(f"P,{row}" for row in rows)))
    main = tables.main({name: made_run(name) for name in ("stl", "ls", "samo-ls")})
    points = published.points("multimnist", printed, {"reference run": main, "this run": main})
    found = points.set_index(["method", "source"])["delta_m"]
    own = main.set_index("method")["delta_m"]
    ours = {(name, run): own[name] for name in ("ls", "samo-ls") for run in ("reference run", "this run")}
    assert found.to_dict() == pytest.approx({("ls", "P, Table 1"): 25.0, ("samo-ls", "P, Table 3"): -1.5} | ours)


FRAME = published.load(ROOT)
DENSE = {f"{task.name} {metric[0]}": metric[1] for task in (SEGMENTATION, DEPTH) for metric in task.metrics}
OURS = {
    "cityscapes": DENSE,
    "nyuv2": DENSE | {f"normals {name}": up for name, up, _ in NORMALS.metrics},
    "qm9": {f"{task} mae": False for task in qm9.TASKS},
    **{key: {"left accuracy": True, "right accuracy": True} for key in published.COLUMNS if key.startswith("multi")},
}
"""Our columns, and whether higher is better."""


@pytest.mark.parametrize("dataset", [name for name in published.COLUMNS if published.COLUMNS[name]])
def test_every_metric_is_printed_somewhere_and_is_a_column_of_ours_with_the_same_direction(dataset):
    printed = FRAME[FRAME["dataset"] == dataset]
    ways = printed.groupby("metric")["higher_is_better"].first()
    for theirs, ours in published.COLUMNS[dataset].items():
        assert ways[theirs] == OURS[dataset][ours]
    assert len(set(published.COLUMNS[dataset].values())) == len(published.COLUMNS[dataset])
    assert set(published.COLUMNS[dataset]) | {DELTA_M, "MR", "acc average"} >= set(printed["metric"])


def test_every_dataset_and_method_is_made_of_what_the_study_has_and_those_of_the_three_works_are_all_joined():
    assert set(published.COLUMNS) == set(published.KEYS.values())
    assert {key: len(metrics) for key, metrics in published.METRICS.items()} == {"cityscapes": 4, "nyuv2": 9, "qm9": 11}
    assert {kind.aggregator for kind in METHODS.values()} <= set(aggregation.NAMES)
    assert {kind.sharpness for kind in METHODS.values()} <= set(sharpness.PRESETS)
    theirs = FRAME[FRAME["dataset"].isin(published.COLUMNS) & FRAME["paper"].str.contains("ICCV 2025")]
    assert set(theirs["method"]) <= set(METHODS)


FIELDS = ["paper", "table", "dataset", "method", "metric", "value", "decimals", "plus_minus", "note"]
DIFFERS = ["updates: 300, the papers' 93,600"]
MAIN = tables.main({name: made_run(name) for name in ("stl", "ls", "mgda", "fmtl-mgda")})


def printed(*rows: tuple[str, str, float, int]) -> pd.DataFrame:
    """Rows of (method, metric, value, decimals) of one table."""
    known = [("P (2025)", "Table 1", "multimnist", *row, float("nan"), "by <hand> ; ") for row in rows]
    return pd.DataFrame(known, columns=FIELDS)


def both(rows: pd.DataFrame, **runs: Ours) -> tuple[Table, Table]:
    """The tables of `beside`, which are there."""
    found = beside("multimnist", rows, runs)
    assert found is not None
    return found


def row(table: Table, method: str) -> list[Cell]:
    """The cells of a method's row, without its head."""
    [found] = [cells[1:] for cells in table.rows if cells[0].text == method]
    return list(found)


def accuracy(method: str) -> float:
    [found] = MAIN.loc[MAIN["method"] == method, "left accuracy"].tolist()
    return float(found)


def test_a_pair_stands_with_its_source_and_what_differs_and_a_method_that_did_not_run_has_no_number_of_ours():
    ours, others = both(printed(("F-MGDA", LEFT, 97.40, 2)), this=Ours(MAIN, DIFFERS))
    source, theirs, own = row(ours, "fmtl-mgda")
    assert (source.text, source.small) == ("P (2025), Table 1", "by <hand>")
    assert theirs.plain == "97.40"
    assert own.plain.startswith(f"{accuracy('fmtl-mgda'):.2f} ± ")
    assert DIFFERS[0] in ours.note
    assert not others.rows
    ours, others = both(printed(("MGDA", LEFT, 90, 0), ("UW", "Delta_m%", 1.5, 1)), this=Ours(MAIN, []))
    assert row(ours, "mgda")[1].plain == "—"  # no Delta-m is printed for it
    assert "methods that this profile does not run" in others.caption
    assert [cell.plain for cell in row(others, "UW")[1:3]] == ["1.5", "—"]
    assert "Settings are those of the profile paper" in ours.note


def test_the_reference_run_stands_between_published_and_ours():
    higher = MAIN.assign(**{"left accuracy": MAIN["left accuracy"] + 5})
    theirs = Ours(higher[higher["method"] != "ls"], ["seeds: 10, the papers' 3"])
    own = Ours(MAIN[MAIN["method"] != "fmtl-mgda"], DIFFERS)
    rows = printed(("MGDA", LEFT, 90, 0), ("F-MGDA", LEFT, 91, 0), ("LS", LEFT, 92, 0))
    ours, _ = both(rows, **{"reference run": theirs, "this run": own})
    assert list(ours.heads[2:]) == ["left accuracy: published", "reference run", "this run"]
    value = accuracy("mgda")
    assert [cell.text for cell in row(ours, "mgda")[1:]] == ["90", f"{value + 5:.2f}", f"{value:.2f}"]
    assert row(ours, "fmtl-mgda")[3].plain == "—"  # run there, and not here
    assert row(ours, "ls")[2].plain == "—"  # and the other way round
    assert "This run: Not the same experiment." in ours.note
    assert "The reference run: Not the same experiment. What differs: seeds: 10" in ours.note
    assert ours.note.count("Not the same experiment") == 2


def test_metrics_without_a_counterpart_are_left_out():
    assert beside("multimnist", printed(("MGDA", "MR", 1.5, 1)), {"this run": Ours(MAIN, DIFFERS)}) is None
    assert beside("scenes", printed(("MGDA", "Delta_m%", 1.5, 1)), {"this run": Ours(MAIN, None)}) is None


def test_kinds_are_found_by_what_they_are_made_of():
    for kind, name in ((Kind("mgda", "fmtl"), "fmtl-mgda"), (Kind("ls", separate=True), "stl"), (Kind("ls"), "ls")):
        assert (find(MAIN, kind) or {}).get("method") == name
    assert find(MAIN, Kind("ls", "samo")) is None
    assert find(MAIN, None) is None
    assert find(pd.DataFrame([{"method": "ls", "n_seeds": 0}]), Kind("ls")) is None
