"""Tables as people read them: which number stands where, and the same cells as HTML, Markdown and on a terminal."""

import math
from functools import partial

import pandas as pd
import pytest
from rich.console import Console

from samo.claims.table import COLUMNS
from samo.results import tables as results
from samo.study.report import tables
from samo.study.report.page import render
from samo.study.report.table import Cell, Table, markdown, terminal
from tests.made import made_run
from tests.study.made_study import ROOT

html = partial(render.html, ROOT, "table")


def main(*methods: str) -> pd.DataFrame:
    return results.main({method: made_run(method) for method in methods})


ROWS = [
    {"dataset": "all", "verdict": "undecided", "effect": 0.5, "figure": "", "why": "1 of 2 undecided"},
    {"dataset": "multimnist", "base": "ls", "verdict": "undecided", "effect": 0.5, "figure": "multimnist-forest"},
    {"dataset": "scenes", "base": "ls", "verdict": "not run", "effect": math.nan, "figure": ""},
]
SHARED = {"claim": "SAMO improves <everything>", "source": "SAMO, main tables", "unit": "Δm points"}
CLAIMS = pd.DataFrame(ROWS, columns=COLUMNS).assign(number=5, low=-0.2, high=1.2, **SHARED)


def test_a_claim_has_a_row_with_a_word_and_a_shape_and_the_reference_runs_beside_it():
    runs = {"reference run": {5: "contradicted"}, "second run": dict[int, str]()}
    for verdicts in ({}, runs):
        shown = tables.claims(CLAIMS, verdicts)
        [row] = [[cell.plain for cell in row] for row in shown.rows]
        assert row[:2] == ["5", "SAMO improves <everything> (SAMO, main tables)"]
        assert row[2 : 2 + len(verdicts)] == ["✗ contradicted", "· not run"][: len(verdicts)]
        assert shown.heads[2 : 2 + len(verdicts)] == list(verdicts)
        assert row[2 + len(verdicts) :] == ["? undecided", "0.50 (−0.20 … 1.20) Δm points", "1 of 2 undecided"]
        page = html(shown)
        assert '<th scope="row">SAMO improves &lt;everything&gt; <small>SAMO, main tables</small></th>' in page
        assert '<td class="verdict undecided" data-sort="undecided">? undecided</td>' in page


def test_comparisons_that_were_run_lead_to_their_figure():
    shown = tables.comparisons(CLAIMS, "comparisons", "Comparisons behind the verdicts")
    [row] = shown.rows
    assert row[4].plain == "0.50 (−0.20 … 1.20) Δm points"
    assert '<a href="#multimnist-forest">multimnist-forest</a>' in html(shown)


def test_each_method_of_either_run_has_a_row_and_each_run_its_place():
    ours, theirs = main("stl", "ls", "mgda"), main("stl", "ls", "samo-ls")
    ours.loc[ours["method"] == "ls", "delta_m"] = 7.0
    shown = tables.beside_reference("multimnist", ours, theirs)
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in shown.rows}
    assert list(rows) == ["stl", "ls", "samo-ls", "mgda"]
    assert rows["ls"][:2] == [f"{theirs.loc[theirs['method'] == 'ls', 'delta_m'].iloc[0]:.2f}", "7.00"]
    assert rows["samo-ls"][1::2] == rows["mgda"][::2] == ["—"] * 3
    gaps = tables.beside_reference("multimnist", pd.DataFrame([{"method": "ls", "n_seeds": 0}]), theirs)
    assert [cell.text for cell in gaps.rows[1][2::2]] == ["—"] * 3


TABLE = Table(
    "t",
    "A <caption>",
    ["method", "Δm, %"],
    [
        [Cell("stl", "stl", "one | two", kind="single", code=True, shade="muted"), Cell("0.00", 0.0)],
        [Cell("ls", "ls", code=True), Cell("1.50", 1.5, "1.00 … 2.00", kind="best")],
        [Cell("new", "new"), Cell()],
    ],
)


def test_as_html():
    shown = html(TABLE)
    assert shown.count("A &lt;caption&gt;") == 2
    assert '<tr class="reference"><th scope="row" data-sort="stl"><span class="dot"' in shown
    assert '<td class="best" data-sort="1.5">1.50 <small>1.00 … 2.00</small></td>' in shown
    assert "<td>—</td>" in shown  # a gap has no key


def test_as_markdown():
    lines = markdown(TABLE).splitlines()
    assert lines[:2] == ["| method | Δm, % |", "| :-- | --: |"]
    assert lines[2:] == ["| stl (one \\| two) | 0.00 |", "| ls | 1.50 (1.00 … 2.00) |", "| new | — |"]


@pytest.mark.parametrize("width", [30, 100])
def test_on_a_terminal(capsys, width):
    Console(width=width).print(terminal(TABLE))
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= width
    assert "1.50 (1.00 … 2.00)" in said
    assert "one | two" not in said
