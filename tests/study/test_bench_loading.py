"""`samo bench --loading` on a small study with made digits."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from samo.analysis.parts.loading import Loading
from samo.study import bench_loading, cli
from tests.study import made_study


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study of two datasets, of which one is prepared; the command runs in it."""
    root = made_study.make(tmp_path / "study")
    params = root / "params.yaml"
    text = params.read_text()
    block = text[text.index("  multimnist:\n") : text.index("methods:\n")]
    params.write_text(text.replace(block, block.rstrip() + "\n" + block.replace("multimnist", "multifashion")))
    monkeypatch.chdir(root)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    return root


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, ["bench", "--loading", *arguments])


def test_what_is_prepared_is_measured_and_what_is_not_is_named(study: Path) -> None:
    result = run("--repeats", "2")
    assert result.exit_code == 0, result.output
    assert "dvc repro prepare@multifashion" in result.output
    assert "prepare@multimnist" not in result.output
    assert [p.name for p in (study / "data/bench").iterdir()] == ["loading.json"]
    content = json.loads((study / "data/bench/loading.json").read_text())
    assert content["not_prepared"] == ["multifashion"]
    assert (content["repeats"], content["threads"], content["device"], content["limit"]) == (2, 1, "cpu", 0.1)
    [(name, one)] = content["datasets"].items()
    assert name == "multimnist"
    assert one["step_seconds"] > 0
    assert one["keeps_up"] == (one["share"] <= 0.1)
    assert one["share_low"] <= one["share"] <= one["share_high"]


@pytest.mark.parametrize(("share", "marked"), [(0.1, False), (0.3, True)])
def test_a_slow_loader_is_marked_and_is_no_failure(
    study: Path, monkeypatch: pytest.MonkeyPatch, share: float, marked: bool
) -> None:
    made = Loading("wall", 0.003, 0.003 / share, share, share, share)
    monkeypatch.setattr(bench_loading, "measure", lambda *args, **kwargs: made)
    result = run("--out", "elsewhere")
    assert result.exit_code == 0, result.output
    assert "multimnist" in result.output
    assert f"{100 * share:.1f}" in result.output
    assert ("above 10 %" in result.output) == marked
    content = json.loads((study / "elsewhere/loading.json").read_text())
    assert content["datasets"]["multimnist"]["keeps_up"] != marked


def test_only_the_datasets_named_are_looked_at(study: Path) -> None:
    result = run("--dataset", "multifashion")
    assert result.exit_code == 0, result.output
    content = json.loads((study / "data/bench/loading.json").read_text())
    assert (content["datasets"], content["not_prepared"]) == ({}, ["multifashion"])


def test_an_unknown_dataset_says_which_there_are(study: Path) -> None:
    with pytest.raises(ValueError, match=r"unknown dataset 'qm8': one of multimnist, multifashion"):
        bench_loading.bench_loading(dataset=["qm8"])


def test_a_batch_that_is_too_large_names_its_dataset(study: Path) -> None:
    params = study / "params.yaml"
    params.write_text(params.read_text().replace("batch: 32", "batch: 400", 1))
    with pytest.raises(ValueError, match=r"datasets.multimnist: training.batch = 400: at most 320"):
        bench_loading.bench_loading()


def test_each_bench_lists_its_own_options() -> None:
    loading = run("--help")
    steps = CliRunner().invoke(cli.app, ["bench", "--help"])
    assert (loading.exit_code, steps.exit_code) == (0, 0)
    assert "--dataset" in loading.output
    assert "--preset" not in loading.output
    assert "--preset" in steps.output
    assert "--loading" in steps.output
