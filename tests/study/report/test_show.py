"""The screen: a table that fits, a method seed by seed, and what is not there in one line."""

import pytest
from rich.console import Console

from samo.study import config
from samo.study.report.outputs import write_tables
from samo.study.report.show import show
from tests.made import SEEDS, made_run, write_runs
from tests.study.made_study import ROOT

PARAMS = config.load(ROOT / "profiles/smoke.yaml")
METHODS = ["stl", "ls", "samo-ls", "fmtl-fairgrad"]


@pytest.fixture
def root(tmp_path):
    write_tables(tmp_path, write_runs(tmp_path, METHODS))
    return tmp_path


@pytest.mark.parametrize("width", [80, 160])
def test_the_table_fits_the_screen_with_its_metrics_where_there_is_room(root, width, capsys):
    show(root, PARAMS, "multimnist", console=Console(width=width))
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= width
    for method in METHODS:
        assert method in said
    assert ("left accuracy" in said) == (width == 160)


def test_a_method_is_shown_seed_by_seed_with_its_trials(root, capsys):
    show(root, PARAMS, "multimnist", "samo-ls", Console(width=100))
    said = capsys.readouterr().out
    run = made_run("samo-ls")
    for seed in SEEDS:
        assert f"seed {seed}" in said
        assert f"{run['seeds'][seed]['left']['accuracy']:.3f}" in said
    assert said.count("chosen") == 1


def test_what_is_not_there_is_said_in_a_line(root, tmp_path):
    with pytest.raises(ValueError, match=r"no dataset 'cifar' in params\.yaml: it has multimnist"):
        show(root, PARAMS, "cifar")
    with pytest.raises(ValueError, match="no method 'samo' on multimnist: there are stl, ls"):
        show(root, PARAMS, "multimnist", "samo")
    with pytest.raises(FileNotFoundError, match="make repro"):
        show(tmp_path / "empty", PARAMS, "multimnist")
