"""`samo bench` on its smallest problem, and `samo bench --loading` on a small study with made digits."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from samo.analysis.parts import loading
from samo.study import bench, cli


def run(*arguments: str) -> str:
    """What `samo bench` prints."""
    result = CliRunner().invoke(cli.app, ["bench", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.slow  # the smallest network of the papers still takes seconds under the memory profiler
def test_a_table_on_the_screen_and_a_file_a_problem(tmp_path: Path) -> None:
    options = "--preset gsam --preset lookback --problem lenet --repeats 1 --out"
    assert "gsam + ls" in run(*options.split(), str(tmp_path))
    content = json.loads((tmp_path / "lenet.json").read_text())
    named = ["LS", "gsam + ls", "lookback + ls", "gsam + mgda", "lookback + mgda"]
    assert [step["method"] for step in content["steps"]] == named
    assert list(tmp_path.iterdir()) == [tmp_path / "lenet.json"]


@pytest.fixture
def study(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study of two datasets, of which one is prepared; the command runs in it."""
    params = here / "params.yaml"
    text = params.read_text()
    block = text[text.index("  multimnist:\n") : text.index("methods:\n")]
    params.write_text(text.replace(block, block.rstrip() + "\n" + block.replace("multimnist", "multifashion")))
    monkeypatch.setenv("COLUMNS", "80")
    return here


def test_what_is_prepared_is_measured_and_what_is_not_is_named(study: Path) -> None:
    said = run("--loading", "--repeats", "2")
    assert "dvc repro prepare@multifashion" in said
    assert "prepare@multimnist" not in said
    content = json.loads((study / "data/bench/loading.json").read_text())
    assert content["not_prepared"] == ["multifashion"]
    assert (content["repeats"], content["threads"], content["device"], content["limit"]) == (2, 1, "cpu", 0.1)
    one = content["datasets"]["multimnist"]
    assert one["step_seconds"] > 0
    assert one["keeps_up"] == (one["share"] <= 0.1)
    assert one["share_low"] <= one["share"] <= one["share_high"]


def test_a_slow_loader_is_marked_and_is_no_failure(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for share, marked in ((0.1, False), (0.3, True)):
        made = loading.Loading("wall", 0.003, 0.003 / share, share, share, share)
        monkeypatch.setattr(loading, "measure", lambda *args, made=made, **kwargs: made)
        said = run("--loading", "--out", "elsewhere")
        assert f"{100 * share:.1f}" in said
        assert ("above 10 %" in said) == marked
        content = json.loads((study / "elsewhere/loading.json").read_text())
        assert content["datasets"]["multimnist"]["keeps_up"] != marked


def test_what_cannot_be_measured_is_named(study: Path) -> None:
    with pytest.raises(ValueError, match=r"unknown problem 'cifar': one of lenet"):
        bench.bench(None, ["cifar"], None)
    with pytest.raises(ValueError, match=r"unknown preset 'sam'"):
        bench.bench(["sam"], ["lenet"], None)
    assert set(bench.PROBLEMS) >= {"lenet", "celeba", "mtan"}
    with pytest.raises(ValueError, match=r"unknown dataset 'qm8': one of multimnist, multifashion"):
        bench.bench_loading(["qm8"])
    params = study / "params.yaml"
    params.write_text(params.read_text().replace("batch: 6", "batch: 400", 1))
    with pytest.raises(ValueError, match=r"datasets.multimnist: training.batch = 400: at most 60"):
        bench.bench_loading(["multimnist"])
