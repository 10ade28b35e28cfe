"""The examples run as they are and learn."""

import runpy
from pathlib import Path

import pytest
import torch

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_learns(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with torch.random.fork_rng():
        runpy.run_path(str(path), run_name="__main__")
    losses = [line.split(":")[1].split(",") for line in capsys.readouterr().out.splitlines()]
    assert sum(map(float, losses[-1])) < 0.7 * sum(map(float, losses[0]))
