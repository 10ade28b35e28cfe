"""What ties the page to its inputs: hashes that nothing but content moves."""

import pytest
import yaml

from samo.study.report.provenance import provenance


@pytest.fixture
def project(tmp_path):
    (tmp_path / "src/samo").mkdir(parents=True)
    (tmp_path / "src/samo/one.py").write_text("x = 1\n")
    (tmp_path / "params.yaml").write_text("seeds: [0]\n")
    return tmp_path


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
    assert len(facts["git tree of src/samo"]) == 40
    assert facts["reports/tables/ladder.csv"] == "missing"
