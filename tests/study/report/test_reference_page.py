"""The reference run beside the run at hand: every method of either, and which number is whose."""

import pandas as pd

from samo.results import tables
from samo.study.report.reference_page import side_by_side
from tests.made import made_run


def main(*methods: str) -> pd.DataFrame:
    return tables.main({method: made_run(method) for method in methods})


def test_each_method_has_a_row_and_each_run_its_place():
    ours, theirs = main("stl", "ls", "mgda"), main("stl", "ls", "samo-ls")
    ours.loc[ours["method"] == "ls", "delta_m"] = 7.0
    html = side_by_side("multimnist", ours, theirs)
    rows = {row.split("<code>")[1].split("<")[0]: row.split("<td")[1:] for row in html.split("<tr>")[2:]}
    assert list(rows) == ["stl", "ls", "samo-ls", "mgda"]
    reference = theirs.loc[theirs["method"] == "ls", "delta_m"].iloc[0]
    assert f">{reference:.2f} " in rows["ls"][0]
    assert ">7.00 " in rows["ls"][1]
    assert [cell.split(">")[1][:1] for cell in rows["samo-ls"]][1::2] == ["—", "—", "—"]
    assert [cell.split(">")[1][:1] for cell in rows["mgda"]][::2] == ["—", "—", "—"]


def test_a_cell_that_did_not_run_is_a_gap():
    html = side_by_side("multimnist", pd.DataFrame([{"method": "ls", "n_seeds": 0}]), main("stl", "ls"))
    row = html.split("<code>ls</code>")[1]
    assert row.count("—") >= 3
