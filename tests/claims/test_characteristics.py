"""How often the rule errs, in made worlds with the places, seeds, shared bases and spreads of the first run."""

from pathlib import Path

from samo.claims.characteristics import table
from samo.study.report.reference import needed


def test_the_papers_gain_is_found_and_none_is_told_from_it():
    evidence = needed(Path(__file__).parents[2]).evidence
    found = {row["truth"]: row for row in table(evidence, worlds=100, claims=(5,)).to_dict("records")}
    assert found["the papers' gain everywhere"]["supported"] > 0.8
    assert found["none"]["equivalent"] > 0.8
    assert found["none"]["supported"] + found["none"]["contradicted"] < 0.05
    assert found["the papers' gain as a loss"]["contradicted"] > 0.8
    assert found["half a point, the margin"]["equivalent"] < 0.05 + 0.04
