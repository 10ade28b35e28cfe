"""`samo bench` on its smallest problem."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from samo.study.bench import PROBLEMS, bench

app = typer.Typer()
app.command()(bench)


@pytest.mark.slow  # the smallest network of the papers still takes seconds under the memory profiler
def test_a_table_on_the_screen_and_a_file_a_problem(tmp_path: Path) -> None:
    arguments = [
        "--preset",
        "gsam",
        "--preset",
        "lookback",
        "--problem",
        "lenet",
        "--repeats",
        "1",
        "--out",
        str(tmp_path),
    ]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "gsam + ls" in result.output
    content = json.loads((tmp_path / "lenet.json").read_text())
    assert [step["method"] for step in content["steps"]] == [
        "LS",
        "gsam + ls",
        "lookback + ls",
        "gsam + mgda",
        "lookback + mgda",
    ]
    assert list(tmp_path.iterdir()) == [tmp_path / "lenet.json"]


def test_unknown_names_say_what_is_known(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"unknown problem 'cifar': one of lenet"):
        bench(problem=["cifar"], out=tmp_path)
    with pytest.raises(ValueError, match=r"unknown preset 'sam'"):
        bench(preset=["sam"], problem=["lenet"], out=tmp_path)
    assert set(PROBLEMS) >= {"lenet", "celeba", "mtan"}
