"""What makes an arm stale, by DVC's own word: its donor's choice and its own block, and nothing else."""

from pathlib import Path
from typing import Any

from dvc.repo import Repo

from samo.study import store

ARM, DONOR = "train-arms@multimnist-placebo-ls", "train@multimnist-ls"


def status(root: Path, stage: str) -> Any:
    with Repo(str(root)) as repo:
        return repo.status(targets=[stage])


def test_a_changed_donor_makes_the_borrower_stale_and_a_changed_number_elsewhere_does_not(here: Path) -> None:
    Repo.init(str(here), no_scm=True).close()
    store.write_text(here / "data/search/multimnist/ls.json", "1")
    for method in ("ls", "placebo-ls"):
        for kind in ("runs", "models"):
            store.write_text(here / "data" / kind / "multimnist" / method / "numbers.json", "1")
        for ending in ("ipynb", "html"):
            store.write_text(here / f"reports/executed/train-multimnist-{method}.{ending}", "1")
    with Repo(str(here)) as repo:
        for stage in (DONOR, ARM):
            repo.commit(target=stage, force=True)
    assert status(here, ARM) == status(here, DONOR) == {}

    params = here / "params.yaml"
    text = params.read_text()
    faster = text.replace("ls: {aggregator: ls}", "ls: {aggregator: ls, lr: 0.1}")
    params.write_text(faster.replace("alpha: 0.9", "alpha: 0.8"))
    assert status(here, DONOR)
    assert status(here, ARM) == {}
    params.write_text(text.replace("preset: placebo, rho: 0.1", "preset: placebo, rho: 0.2"))
    assert status(here, ARM)
    assert status(here, DONOR) == {}
    params.write_text(text)
    (here / "data/runs/multimnist/ls/numbers.json").write_text("2")  # of the donor, but not its choice
    assert status(here, ARM) == {}
    (here / "data/search/multimnist/ls.json").write_text("2")
    assert status(here, ARM)
