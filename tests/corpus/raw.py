"""A project of one dataset, for raw files that are broken."""

from pathlib import Path

import pytest

from samo.study.data import prepare
from tests.corpus.entry import Outcome, stage, untouched

ROOT = Path(__file__).parents[2]
PARAMS = (ROOT / "profiles/smoke.yaml").read_text()
MULTIMNIST = PARAMS[PARAMS.index("  multimnist:") : PARAMS.index("methods:")]
TRAINING = "batch: 4, epochs: 1, search_epochs: 1"
BLOCKS = {
    "multimnist": "data: {train: 8, val: 4, test: 4, jitter: 2, seed: 0}",
    "qm9": "data: {train: 4, val: 2, test: 2, seed: 0}",
    "nyuv2": "data: {train: 4, val: 2, test: 2, height: 16, width: 32}",
    "officehome": "data: {train: 4, val: 2, test: 2, side: 32, weights: weights.pth}",
}


def profile(project: Path, dataset: str) -> None:
    """Write params.yaml with this dataset alone."""
    block = f"  {dataset}:\n    {BLOCKS[dataset]}\n    training: {{{TRAINING}}}\n\n"
    text = PARAMS.replace(MULTIMNIST, block).replace("datasets: [multimnist]", "datasets: []")
    (project / "params.yaml").write_text(text)


def prepared(project: Path, capsys: pytest.CaptureFixture[str], dataset: str) -> Outcome:
    """What the stage `prepare` of a dataset says; nothing is other afterwards."""
    profile(project, dataset)
    with untouched(project.parent):
        return stage(capsys, lambda: prepare.prepare(dataset))
