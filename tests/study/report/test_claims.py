import math

import pandas as pd

from samo.claims.table import COLUMNS
from samo.study.report import claims as page_claims


def claims() -> pd.DataFrame:
    shared = {
        "number": 5,
        "claim": "SAMO improves <everything>",
        "source": "SAMO, main tables",
        "unit": "Δm points",
        "low": -0.2,
        "high": 1.2,
        "effect": 0.5,
        "simultaneous": "undecided",
        "figure": "",
    }
    rows = [
        {**shared, "dataset": "all", "verdict": "undecided", "why": "1 of 2 undecided"},
        {**shared, "dataset": "multimnist", "base": "ls", "verdict": "undecided", "figure": "multimnist-forest"},
        {**shared, "dataset": "scenes", "base": "ls", "verdict": "not run", "effect": math.nan},
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def test_the_whole_claim_has_a_row_with_a_word_and_a_shape():
    html = page_claims.whole(claims())
    assert html.count("<tr><td") == 1
    assert "? undecided" in html
    assert "1 of 2 undecided" in html
    assert "SAMO improves &lt;everything&gt;" in html


def test_the_reference_runs_verdict_has_a_column_of_its_own():
    html = page_claims.whole(claims(), {5: "contradicted"})
    assert html.index(">reference run<") < html.index(">this run<")
    assert html.index("✗ contradicted") < html.index("? undecided")


def test_comparisons_that_were_run_lead_to_their_figure():
    html = page_claims.comparisons(claims())
    assert html.count("<tr><td") == 1
    assert '<a href="#multimnist-forest">' in html
    assert "0.50 (−0.20 … 1.20) Δm points" in html
    assert "1 comparisons were run" in html
