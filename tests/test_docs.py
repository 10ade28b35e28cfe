"""What the documentation counts and quotes, held against where it comes from."""

from pathlib import Path

import pandas as pd
import pytest

from samo.study import config
from samo.study.config import conditions

ROOT = Path(__file__).parents[1]


def test_the_cost_of_the_paper_profile_is_that_of_the_profile() -> None:
    params = config.load(ROOT / "profiles/paper.yaml")
    found = dict.fromkeys(params.datasets, (0, 0, 0))
    for one in conditions.conditions(params):
        number, _, sum_of = found[one.dataset]
        plan = config.plan(params, one.dataset, one.method)
        found[one.dataset] = number + 1, max(plan.finals), sum_of + sum((*plan.trials, *plan.finals))
    text = (ROOT / "docs/cluster.md").read_text()
    _, *rows = (line.strip("|").split("|") for line in text.splitlines() if line.startswith("| "))
    told = {name.strip(): tuple(int(n.replace(",", "")) for n in numbers) for name, *numbers in rows}
    assert told == found
    assert f"{sum(number for number, _, _ in found.values())} conditions on ten datasets" in text
    assert len(found) == 10


def test_the_estimates_are_those_of_the_shipped_table() -> None:
    """Every cosine in docs/estimates.md with its interval, and none in the table that is not there."""
    shipped = pd.read_csv(ROOT / "data/reference/estimates.csv")
    spoken = {"g_0": "g₀", "coin": "a coin (the placebo)"}
    shipped["estimate"] = [spoken.get(name, name.replace("mu ", "μ ")) for name in shipped["estimate"]]
    columns = list(shipped.groupby(["network", "batch", "update"], sort=False))
    text = (ROOT / "docs/estimates.md").read_text()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if " ± " in line[:200]]
    told = 0
    for name, *cells in (row for row in rows if row[0] in set(shipped["estimate"])):
        heads = columns[:6] if len(cells) > 3 else columns[6:]
        for cell, (_, part) in zip(cells[-len(heads) :], heads, strict=True):
            if cell:
                mean, half = (float(number.replace("−", "-")) for number in cell.split(" ± "))
                row = part.set_index("estimate").loc[name]
                assert row["cosine"] == mean
                assert (row["cosine_high"] - row["cosine_low"]) / 2 == pytest.approx(half, abs=1e-9)
                told += 1
    assert told == len(shipped)


def test_two_task_gradients_are_as_the_reports_title_says() -> None:
    """Hardly opposed: never by more than half a right angle beyond it, for any seed."""
    found = pd.read_csv(ROOT / "data/reference/ladder/agreement.csv").query("method == 'ls'")
    assert found["cosine"].min() > -0.5
    assert found["cosine"].median() > 0


def test_what_the_report_says_of_the_estimates_is_so() -> None:
    """The counts and ranges in its section on other estimates, at each network's first batch and place."""
    found = pd.read_csv(ROOT / "data/reference/estimates.csv")
    found = found.merge(found.drop_duplicates("network")[["network", "batch", "update"]])
    names = ("last gradient", "guided probe, 8 directions, mu 0.001", "g_0")
    last, guided, mean = (found[found["estimate"] == name] for name in names)
    assert len(last) == 6
    assert [f"{end:.2f}" for end in last.nlargest(5, "cosine")["cosine"].agg(["min", "max"])] == ["0.14", "0.22"]
    assert (last["cosine_low"] > 0).sum() == 1
    assert (guided["cosine_low"] > 0).sum() == 4
    assert (guided["passes"].to_numpy() >= 3 * last["passes"].to_numpy()).all()
    assert [f"{end:.1f}" for end in mean["cosine"].agg(["min", "max"])] == ["0.4", "0.7"]
