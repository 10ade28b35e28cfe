"""What the documentation counts, counted again."""

from pathlib import Path

from samo.study import config
from samo.study.config import conditions
from samo.training.search import count

ROOT = Path(__file__).parents[1]


def test_the_cost_of_the_paper_profile_is_that_of_the_profile() -> None:
    params = config.load(ROOT / "profiles/paper.yaml")
    found = dict.fromkeys(params.datasets, (0, 0, 0))
    for one in conditions.conditions(params):
        method, training = params.methods_on(one.dataset)[one.method], params.datasets[one.dataset].training
        trials = count(config.grids(params, one.dataset, method)) * training.search_epochs
        number, _, sum_of = found[one.dataset]
        runs = len(params.seeds_on(one.dataset)) * training.epochs
        found[one.dataset] = number + 1, training.epochs, sum_of + trials + runs
    text = (ROOT / "docs/cluster.md").read_text()
    rows = [
        [part.strip() for part in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")
    ]
    told = {name: tuple(int(n.replace(",", "")) for n in numbers) for name, *numbers in rows[1:]}
    assert told == found
    assert f"{sum(number for number, _, _ in found.values())} conditions on nine datasets" in text
    assert len(found) == 9
