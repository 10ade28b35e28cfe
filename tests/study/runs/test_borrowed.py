"""What makes an arm stale, by DVC's own word: its donor's choice and its own block, and nothing else."""

from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo

from tests.study import made_study

ARM, DONOR = "train-arms@multimnist-placebo-ls", "train@multimnist-ls"


def status(root: Path, stage: str) -> Any:
    with Repo(str(root)) as repo:
        return repo.status(targets=[stage])


def test_a_changed_donor_makes_the_borrower_stale_and_a_changed_number_elsewhere_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = made_study.make(tmp_path / "study")
    monkeypatch.chdir(root)
    Repo.init(str(root), no_scm=True).close()
    for method, kinds in (("ls", ("search", "runs", "models")), ("placebo-ls", ("runs", "models"))):
        for kind in kinds:
            path = root / "data" / kind / "multimnist" / method
            file = path.with_suffix(".json") if kind == "search" else path / "numbers.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("1")
        for ending in ("ipynb", "html"):
            page = root / f"reports/executed/train-multimnist-{method}.{ending}"
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text("1")
    with Repo(str(root)) as repo:
        for stage in (DONOR, ARM):
            repo.commit(target=stage, force=True)
    assert status(root, ARM) == status(root, DONOR) == {}

    params = root / "params.yaml"
    text = params.read_text()
    params.write_text(
        text.replace("ls: {aggregator: ls}", "ls: {aggregator: ls, lr: 0.1}").replace("alpha: 0.9", "alpha: 0.8")
    )
    assert status(root, DONOR)
    assert status(root, ARM) == {}
    params.write_text(text.replace("preset: placebo, rho: 0.1", "preset: placebo, rho: 0.2"))
    assert status(root, ARM)
    assert status(root, DONOR) == {}
    params.write_text(text)
    (root / "data/runs/multimnist/ls/numbers.json").write_text("2")  # of the donor, but not its choice
    assert status(root, ARM) == {}
    (root / "data/search/multimnist/ls.json").write_text("2")
    assert status(root, ARM)
