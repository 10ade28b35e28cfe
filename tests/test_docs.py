"""What the documentation counts, counted again."""

from pathlib import Path

from samo.study import config
from samo.study.config import conditions
from samo.training.search import count

ROOT = Path(__file__).parents[1]


def test_the_cost_of_the_paper_profile_is_that_of_the_profile() -> None:
    params = config.load(ROOT / "profiles/paper.yaml")
    found = dict.fromkeys(params.datasets, (0, 0, 0))
    for cell in conditions.conditions(params):
        method, training = params.methods_on(cell.dataset)[cell.method], params.datasets[cell.dataset].training
        trials = count(config.grids(params, cell.dataset, method)) * training.search_epochs
        number, _, sum_of = found[cell.dataset]
        runs = len(params.seeds_on(cell.dataset)) * training.epochs
        found[cell.dataset] = number + 1, training.epochs, sum_of + trials + runs
    text = (ROOT / "docs/cluster.md").read_text()
    rows = [
        [part.strip() for part in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")
    ]
    told = {name: tuple(int(n.replace(",", "")) for n in numbers) for name, *numbers in rows[1:]}
    assert told == found
    assert f"{sum(number for number, _, _ in found.values())} cells on ten datasets" in text
    assert len(found) == 10
