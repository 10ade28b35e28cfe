"""The reference run: what is shipped says what was run, and every table and verdict follows from it."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from samo.study import config
from samo.study.config import conditions
from samo.study.report import evidence, outputs, reference
from samo.study.report.show import show_claims as show
from samo.study.runs.formats import csv_text
from tests.figures.made_toys import made_trajectories, write_toys
from tests.made import made_variant, write_runs, write_variants
from tests.study.made_study import ROOT
from tests.study.report.made_report import METHODS, PARAMS

SHIPPED = reference.FOLDER


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made run, shipped: a value and a score are missing, a variant has nothing to choose."""
    root = tmp_path_factory.mktemp("made")
    (root / "params.yaml").write_text(PARAMS)
    write_runs(root, METHODS)
    write_variants(root, [made_variant("samo-ls", "bare", {"normalise": "none", "rho": 0.05}, gain=-3.0, noise=0.1)])
    file = root / "data/runs/multimnist/mgda/metrics.json"
    run = json.loads(file.read_text())
    run["updates"]["4"]["seeds"]["1"]["left"]["accuracy"] = None
    run["options"] = {"norm": "none"}
    file.write_text(json.dumps(run))
    write_toys(root, made_trajectories())
    assert reference.write(root, config.parse(PARAMS)) == []
    return root


def test_a_shipped_run_says_what_the_run_itself_says(project):
    params, back = config.parse(PARAMS), reference.needed(project)
    direct = evidence.read(project, conditions.main(params), params.analyses, conditions.variants(params))
    assert list(back.runs["multimnist"]) == [*METHODS, "bare"]
    assert back.runs == direct.runs
    assert back.variants == {("multimnist", "bare")}
    assert csv_text(back.main("multimnist")) == csv_text(direct.main("multimnist"))
    assert csv_text(back.claims) == csv_text(direct.claims)
    assert back.claims["verdict"].nunique() >= 4
    assert back.params == params
    assert set(back.frames["layers"]["method"]) == {"ls", "mgda"}  # of methods without sharpness alone
    assert (back.about["conditions"], back.about["missing"]) == (7, [])
    assert str(project) not in (project / SHIPPED / "about.json").read_text()


def test_cells_that_have_not_run_are_named(project, tmp_path):
    (tmp_path / "params.yaml").write_text(PARAMS)
    with pytest.raises(ValueError, match="no condition of the profile has run"):
        reference.write(tmp_path, config.parse(PARAMS))
    write_runs(tmp_path, [method for method in METHODS if method != "samo-mgda"])
    missing = ["multimnist/samo-mgda", "multimnist/bare"]
    assert reference.write(tmp_path, config.parse(PARAMS)) == missing
    assert reference.needed(tmp_path).about["missing"] == missing
    assert "samo-mgda" not in reference.needed(tmp_path).runs["multimnist"]


def test_verdicts_from_it_alone_and_beside_those_at_hand(project, tmp_path, capsys):
    with pytest.raises(FileNotFoundError, match="git checkout"):
        show(tmp_path, run=reference.needed(tmp_path))
    (tmp_path / "data/reference").mkdir(parents=True)
    (tmp_path / SHIPPED).symlink_to(project / SHIPPED)
    show(tmp_path, run=reference.needed(tmp_path))
    alone = capsys.readouterr().out
    assert all(words in alone for words in ("supported", "--from study NUMBER"))
    assert reference.verdicts(reference.judged(tmp_path))[1] == "supported"
    outputs.write_claims(tmp_path, write_runs(tmp_path, ["stl", "ls"]), [])
    show(tmp_path)
    beside = capsys.readouterr().out
    assert all(words in beside for words in ("reference", "supported"))  # nothing of these two cells is
    assert reference.judged(tmp_path / "elsewhere").empty
    assert reference.load(tmp_path / "elsewhere") is None


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"seeds":', '"seed":', "line 1: updates.4.seeds: is missing"),
        ('"lr":0.003', '"lr":"x"', "line 1: 1.trials.0.lr = 'x'"),
        ('{"table":"history"', '{"table":"histories"', "no 'histories'"),
        ('"update":', '"age":', "no 'update'"),
        ('{"table":"toys"', "<html>", "Expecting value"),
        ('{"table":"conditions"', '{"table":"toys"', "line 1: no 'toy'"),
    ],
)
def test_a_broken_file_is_named_with_its_line(project, old, new, told):
    text = (project / SHIPPED / reference.FILE).read_text()
    assert reference.parse(text).runs
    with pytest.raises(ValueError, match=re.escape(told)) as caught:
        reference.parse(text.replace(old, new))
    assert re.fullmatch(r".*run\.jsonl.*git checkout.*", str(caught.value))  # in one line
    with pytest.raises(ValueError, match=r"run\.jsonl is missing: `git checkout"):
        reference.read(project)


def test_every_shipped_table_follows_from_the_shipped_numbers(tmp_path):
    run = reference.needed(ROOT)
    shutil.copy(run.folder / "params.yaml", tmp_path)
    reference.write_tables(replace(run, folder=tmp_path))
    made = {path.name for path in tmp_path.iterdir()}
    assert {"claims.csv", "claims.md", *(f"table-{d}.md" for d in run.runs)} <= made
    for name in made:
        assert (tmp_path / name).read_text() == (run.folder / name).read_text(), name


def test_the_shipped_run_is_whole_and_has_seeds_enough():
    run = reference.needed(ROOT)
    assert run.about["code_changed_since"] == []
    values = run.evidence.runs.groupby(["dataset", "method"])["seed"].nunique()
    for dataset, seeds in values.groupby("dataset"):
        assert seeds.min() >= (10 if str(dataset).startswith("multi") else 5)
    cells_there = {(d, m) for d, methods in run.runs.items() for m in methods}
    wanted = {(c.dataset, c.method) for c in conditions.conditions(run.params)}
    assert cells_there | {tuple(name.split("/")) for name in run.about["missing"]} == wanted
    assert pd.api.types.is_float_dtype(run.evidence.runs["value"])
