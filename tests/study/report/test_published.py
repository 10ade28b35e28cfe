"""The published numbers as they are read."""

from pathlib import Path

import pytest

from samo.study.report import published

ROOT = Path(__file__).parents[3]
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


def test_a_metric_has_one_direction_everywhere():
    assert (published.load(ROOT).groupby("metric")["higher_is_better"].nunique() == 1).all()


@pytest.mark.parametrize(("key", "count"), [("cityscapes", 4), ("nyuv2", 9), ("qm9", 11)])
def test_delta_m_is_made_of_as_many_metrics_as_the_papers_say(key, count):
    assert len(published.METRICS[key]) == count
    frame = published.load(ROOT)
    assert set(published.METRICS[key]) <= set(frame.loc[frame["dataset"] == key, "metric"])


def test_printed_digits_are_counted(tmp_path):
    root = written(tmp_path, "P,Table 1,NYUv2,LS,mIoU,22.60,0.5,1,", "P,Table 1,Elsewhere,LS,Abs Err,7,,0,read off")
    rows = published.load(root).to_dict("records")
    assert [row["decimals"] for row in rows] == [2, 0]
    assert [row["value"] for row in rows] == [22.6, 7.0]
    assert [row["dataset"] for row in rows] == ["nyuv2", "Elsewhere"]
    assert [row["higher_is_better"] for row in rows] == [True, False]
    assert rows[0]["plus_minus"] == 0.5
    assert rows[1]["plus_minus"] != rows[1]["plus_minus"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("P,T,QM9,LS,MR,1.2.3,,0,", "line 3: value is '1.2.3', not a number"),
        ("P,T,QM9,LS,MR,,,0,", "line 3: value is '', not a number"),
        ("P,T,QM9,LS,MR,1,,yes,", "line 3: higher_is_better is 'yes', not 0 or 1"),
    ],
)
def test_a_fault_names_its_line(tmp_path, row, message):
    root = written(tmp_path, "P,T,QM9,STL,MR,1,,0,", row)
    with pytest.raises(ValueError, match=message):
        published.load(root)
