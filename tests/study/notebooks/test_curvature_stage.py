"""The curvature of cells that were trained: what is written, for which of them, and what is said on the way."""

import json

import pandas as pd
import pytest

from samo.study.errors import NotebookError
from samo.study.notebooks.curvature_stage import COLUMNS, write_curvature
from samo.study.runs.cell import train_cell


@pytest.fixture
def quick(study):
    """Two methods with a shared trunk in the place of three, and one epoch."""
    file = study / "params.yaml"
    text = file.read_text()
    lines = [line for line in text.splitlines() if "fmtl-fairgrad" not in line]
    file.write_text("\n".join(lines).replace("epochs: 2", "epochs: 1") + "\n")
    return study


def test_it_measures_every_network_with_a_shared_trunk(quick, tmp_path, monkeypatch):
    with pytest.raises(NotebookError, match=r"dvc repro train@multimnist-ls"):
        write_curvature("multimnist")
    for method in ("ls", "samo-ls"):
        train_cell("multimnist", method)
    monkeypatch.setenv("SAMO_PROGRESS", str(tmp_path / "progress"))
    table = write_curvature("multimnist")
    file = quick / "data/analysis/multimnist/curvature.csv"
    first = file.read_bytes()
    written = pd.read_csv(file)
    assert list(written) == list(table) == COLUMNS
    assert set(written["method"]) == {"ls", "samo-ls"}
    assert set(zip(written["seed"], written["task"], written["draw"], strict=True)) == {
        (0, "all", 0),
        (0, "all", 1),
        (0, "left", 0),
        (0, "right", 0),
        (1, "all", 0),
    }
    values = written.set_index(["method", "seed", "task", "draw", "measure"])
    top = values["value"].xs("lambda_max", level="measure")
    assert (top > 0).all()
    assert values["residual"].xs("lambda_max", level="measure").max() < 0.01
    # Of a mean of two Hessians, the largest eigenvalue is at most the mean of theirs.
    for method in ("ls", "samo-ls"):
        own = top[method, 0]
        assert own["all", 0] <= (own["left", 0] + own["right", 0]) / 2 + 1e-3 * own["all", 0]
    rises = values["value"].xs("sharpness_ball", level="measure")
    assert len(rises) == 4
    assert (rises > 0).all()

    events = [json.loads(line) for line in (tmp_path / "progress").read_text().splitlines()]
    assert [event["phase"] for event in events] == ["ls, seed 0", "ls, seed 1", "samo-ls, seed 0", "samo-ls, seed 1"]
    assert [event["done"] for event in events] == [0, 0.25, 0.5, 0.75]

    write_curvature("multimnist")
    assert file.read_bytes() == first
