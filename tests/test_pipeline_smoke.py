"""The whole pipeline with the profile smoke on a few digits, in a copy, as a newcomer runs it."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import fmean

import pytest
from dvc.repo import Repo

from samo.analysis import names
from samo.study.grid.plan import plan
from samo.study.notebooks import notebook
from tests.corpus.entry import refused, samo
from tests.study.made_study import fewer
from tests.study.project import Project

ROOT = Path(__file__).parents[1]
# Fourteen notebooks, each in a kernel of its own: about a minute on two cores.
pytestmark = pytest.mark.slow


class Copy:
    """A copy of the project, as a clone with the working tree's changes would be."""

    def __init__(self, root: Path) -> None:
        self.root = root
        files = self.run("git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", at=ROOT).splitlines()
        for name in files:
            if (ROOT / name).is_file():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, root / name)
        for outcome in ("dvc.lock", "reports/tables", "reports/figures", "reports/html"):
            path = root / outcome
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        (root / "params.yaml").write_text(fewer((root / "profiles/smoke.yaml").read_text()))
        self.run("git", "init", "-q")
        Project(root).commit()

    def run(self, *command: str, at: Path | None = None) -> str:
        env = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "MLFLOW_"))}
        env |= {"PYTHONPATH": str(self.root / "src"), "PATH": f"{Path(sys.executable).parent}:{env['PATH']}"}
        if (ROOT / "data/raw").is_dir():
            env["SAMO_DATA"] = str(ROOT / "data/raw")
        done = subprocess.run(command, cwd=at or self.root, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def samo(self, *arguments: str) -> str:
        return self.run(sys.executable, "-m", "samo.study", *arguments)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The copy after its first run, and what that said."""
    copy = Copy(tmp_path_factory.mktemp("smoke"))
    return copy, copy.samo("repro")


@pytest.fixture
def copy(made, monkeypatch):
    """The copy, where commands of this process work in it."""
    monkeypatch.setenv("DVC_ROOT", str(made[0].root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return made[0]


def test_from_raw_digits_to_the_report(made):
    copy, said = made
    methods = ["stl", "ls", "samo-ls", "fmtl-fairgrad"]
    stages = ["fetch@multimnist", "prepare@multimnist", *(f"train@multimnist-{method}" for method in methods)]
    stages += ["train-sensitivity@multimnist-samo-ls-alpha09", "train-arms@multimnist-placebo-ls"]
    stages += [*(f"analyse@multimnist-{name}" for name in names()), "toys", "tables", "report"]
    assert sorted(re.findall(r"^start (\S+)", said, flags=re.MULTILINE)) == sorted(stages)
    # It ends with the table and the path of the report.
    table, _, last = said.strip().rpartition("\n")
    assert last == f"report: {copy.root}/reports/html/index.html"
    shown = [line.split()[0] for line in re.sub(r"[│┃|]", " ", table).splitlines() if line.strip(" │┃|")]
    assert set(methods) <= set(shown)
    page = (copy.root / "reports/html/index.html").read_text()
    assert all(f"../executed/train-multimnist-{method}.html" in page for method in (*methods, "samo-ls-alpha09"))
    # What varies a setting stands apart from the main table.
    assert "samo-ls-alpha09" not in shown
    varied = (copy.root / "reports/tables/multimnist-sensitivity.md").read_text()
    assert "| samo-ls-alpha09 (LS + SAMO) | alpha = 0.9 |" in varied
    assert 'id="multimnist-sensitivity"' in page
    assert "nan" not in re.sub(r"data:[^\"']*", "", page).lower().split("<footer")[0].split()

    # A second call would run nothing.
    assert not plan(copy.root).stale
    assert "delta_m" in str(Repo(str(copy.root)).metrics.show())


def test_one_more_method_is_one_more_condition_and_what_follows(copy):
    """That they run is tested on cheaper stages, and that a method taken out vanishes, on made runs."""
    params = copy.root / "params.yaml"
    good = params.read_text()
    params.write_text(good.replace("  ls: {aggregator: ls}\n", "  ls: {aggregator: ls}\n  mgda: {aggregator: mgda}\n"))
    try:
        stale = set(plan(copy.root).stale)
    finally:
        params.write_text(good)
    analyses = {f"analyse@multimnist-{name}" for name in names()}
    assert stale == {"train@multimnist-mgda", *analyses, "tables", "report"}


def test_the_view_in_mlflow_has_every_run(copy, capsys):
    found = samo(capsys, "track")
    assert found.out.strip().splitlines()[-1].startswith("0 runs made"), found


def test_a_notebook_that_is_executed_again_has_the_same_bytes(copy, monkeypatch):
    """In another folder, too: the first time it ran in a worker's clone."""
    name = "train-multimnist-samo-ls"
    files = [copy.root / f"reports/executed/{name}.{ending}" for ending in ("ipynb", "html")]
    before = [path.read_bytes() for path in files]
    monkeypatch.chdir(copy.root)
    monkeypatch.setenv("PYTHONPATH", str(copy.root / "src"))
    notebook.run("train", name, {"dataset": "multimnist", "method": "samo-ls"})
    assert [path.read_bytes() for path in files] == before


def test_a_fault_in_the_params_runs_and_writes_nothing(copy, capsys):
    params = copy.root / "params.yaml"
    good = params.read_text()
    before = copy.run("git", "status", "--porcelain")
    params.write_text(good.replace("{preset: fmtl, rho: 0.1}", "{preset: fmtl, rho: -0.1}"))
    try:
        for command in ("check", "repro"):
            found = samo(capsys, command)
            assert found.code == 2
            refused(found, "methods.fmtl-fairgrad.sharpness", "-0.1")
    finally:
        params.write_text(good)
    assert copy.run("git", "status", "--porcelain") == before


def test_the_tables_are_the_results(copy):
    """Delta-m in the table is that of the conditions' own files, recomputed here by hand."""

    def mean(name, task):
        run = json.loads((copy.root / f"data/runs/multimnist/{name}/metrics.json").read_text())
        return fmean(seed[task]["accuracy"] for seed in run["updates"]["20"]["seeds"].values())

    by_hand = fmean(100 * (1 - mean("ls", task) / mean("stl", task)) for task in ("left", "right"))
    shown = json.loads((copy.root / "reports/tables/metrics/multimnist/ls.json").read_text())
    assert shown["delta_m"] == pytest.approx(by_hand, rel=1e-3)
