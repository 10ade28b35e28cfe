"""What ties the page to its inputs: git's own id of the code, and hashes that nothing but content moves."""

import subprocess

import pytest
import yaml

from samo.study.report.provenance import provenance, tree


@pytest.fixture
def project(tmp_path):
    code = tmp_path / "src/samo/inner"
    code.mkdir(parents=True)
    (code.parent / "one.py").write_text("x = 1\n")
    (code / "two.py").write_text("y = 2\n")
    (code / "tool.sh").write_text("#!/bin/sh\n")
    (code / "tool.sh").chmod(0o755)
    (tmp_path / "params.yaml").write_text("seeds: [0]\n")
    return tmp_path


def test_the_tree_is_the_one_git_has(project):
    for command in (["init", "-q"], ["add", "src"]):
        subprocess.run(["git", *command], cwd=project, check=True)
    written = subprocess.run(
        ["git", "write-tree", "--prefix=src/samo"], cwd=project, check=True, capture_output=True, text=True
    )
    assert tree(project / "src/samo") == written.stdout.strip()


def test_what_git_never_tracks_has_no_part_in_it(project):
    before = tree(project / "src/samo")
    (project / "src/samo/__pycache__").mkdir()
    (project / "src/samo/__pycache__/one.pyc").write_bytes(b"1")
    (project / "src/samo/empty").mkdir()
    assert tree(project / "src/samo") == before
    (project / "src/samo/one.py").write_text("x = 2\n")
    assert tree(project / "src/samo") != before
    assert tree(project / "nowhere") == "missing"


def test_the_lock_counts_by_the_inputs_of_tables_alone(project):
    def said(report: str, md5: str = "1") -> str:
        stages = {"report": {"outs": report}, "tables": {"cmd": "c", "deps": [{"md5": md5}], "outs": report}}
        (project / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))
        return provenance(project)["dvc.lock (tables)"]

    assert said("one") == said("two")
    assert said("one") != said("one", md5="2")
    (project / "dvc.lock").unlink()
    assert provenance(project)["dvc.lock (tables)"] == "missing"


def test_facts_are_the_same_twice_and_name_versions_and_device(project):
    facts = provenance(project, "cpu")
    assert facts == provenance(project, "cpu")
    assert facts["device"] == "cpu"
    assert "+" not in facts["torch"]
    assert facts["params.yaml"] != "missing"
    assert facts["reports/tables/metrics.json"] == "missing"
