"""What the documentation counts, counted again."""

from pathlib import Path

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
    rows = [
        [part.strip() for part in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")
    ]
    told = {name: tuple(int(n.replace(",", "")) for n in numbers) for name, *numbers in rows[1:]}
    assert told == found
    assert f"{sum(number for number, _, _ in found.values())} conditions on ten datasets" in text
    assert len(found) == 10
