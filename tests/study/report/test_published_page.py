"""Published beside ours: the right pair, with source and difference, and nothing invented where one side is missing."""

import pandas as pd
import pytest

from samo.results import tables
from samo.study.report.published_names import Kind
from samo.study.report.published_page import Shipped, beside, find
from tests.made import made_run

COLUMNS = ["paper", "table", "dataset", "method", "metric", "value", "decimals", "plus_minus", "note"]
DIFFERS = ["training.epochs is 4, the papers' 200"]


@pytest.fixture(scope="module")
def main() -> pd.DataFrame:
    return tables.main({name: made_run(name) for name in ("stl", "ls", "mgda", "fmtl-mgda")})


def printed(*rows: tuple[str, str, float, int]) -> pd.DataFrame:
    """Rows of (method, metric, value, decimals) of one table."""
    known = [("P (2025)", "Table 1", "multimnist", *row, float("nan"), "by <hand> ; ") for row in rows]
    return pd.DataFrame(known, columns=COLUMNS)


def cells(html: str, method: str) -> list[str]:
    """The cells of a method's row, without marks."""
    row = next(row for row in html.split("<tr>") if f"<code>{method}</code>" in row)
    return [cell.split(">", 1)[1] for cell in row.split("<td")[1:]]


def test_a_pair_stands_with_its_source_and_what_differs(main):
    html = beside("multimnist", main, printed(("F-MGDA", "acc task 1 (top-left)", 97.40, 2)), DIFFERS)
    source, theirs, ours = cells(html, "fmtl-mgda")
    assert "P (2025), Table 1" in source
    assert "by &lt;hand&gt;" in source
    assert theirs.startswith("97.40")
    value = main.loc[main["method"] == "fmtl-mgda", "left accuracy"].iloc[0]
    assert ours.startswith(f"{value:.2f} <small>± ")
    assert "training.epochs is 4, the papers&#x27; 200" in html


def test_a_method_that_did_not_run_has_no_number_of_ours(main):
    html = beside("multimnist", main, printed(("MGDA", "acc task 1 (top-left)", 90, 0), ("UW", "Delta_m%", 1.5, 1)), [])
    assert cells(html, "mgda")[1].startswith("—")  # no Delta-m is printed for it
    assert "methods that this profile does not run (1)" in html
    others = html[html.index("<details>") :].split("<tbody>")[1]
    assert "UW" in others
    assert [cell.split(">")[1].split("<")[0] for cell in others.split("<td")[2:4]] == ["1.5", "—"]
    assert "Settings are those of the profile paper" in html


def test_the_reference_run_stands_between_published_and_ours(main):
    theirs = main.assign(**{"left accuracy": main["left accuracy"] + 5})
    shipped = Shipped(theirs, ["seeds: 10, the papers' 3"])
    rows = printed(("MGDA", "acc task 1 (top-left)", 90, 0), ("F-MGDA", "acc task 1 (top-left)", 91, 0))
    html = beside("multimnist", main[main["method"] != "fmtl-mgda"], rows, DIFFERS, shipped)
    _, paper, reference, ours = cells(html, "mgda")
    value = main.loc[main["method"] == "mgda", "left accuracy"].iloc[0]
    assert paper.startswith("90<")
    assert reference.startswith(f"{value + 5:.2f} ")
    assert ours.startswith(f"{value:.2f} ")
    assert cells(html, "fmtl-mgda")[3].startswith("—")  # run there, and not here
    assert "This run: Not the same experiment." in html
    assert "The reference run: Not the same experiment. What differs: seeds: 10" in html
    assert html.count("Not the same experiment") == 2


def test_metrics_without_a_counterpart_are_left_out(main):
    assert "no paper prints numbers" in beside("multimnist", main, printed(("MGDA", "MR", 1.5, 1)), DIFFERS)
    assert "no paper prints numbers" in beside("scenes", main, printed(("MGDA", "Delta_m%", 1.5, 1)), None)


def test_kinds_are_found_by_what_they_are_made_of(main):
    for kind, name in ((Kind("mgda", "fmtl"), "fmtl-mgda"), (Kind("ls", separate=True), "stl"), (Kind("ls"), "ls")):
        assert (find(main, kind) or {}).get("method") == name
    assert find(main, Kind("ls", "samo")) is None
    assert find(main, None) is None
    assert find(pd.DataFrame([{"method": "ls", "n_seeds": 0}]), Kind("ls")) is None
