"""What ties the page to its inputs: hashes that nothing but content moves."""

import yaml

from samo.study.report.provenance import provenance


def test_facts_are_hashes_of_content_versions_and_the_device_and_the_lock_counts_by_the_inputs_of_tables(tmp_path):
    (tmp_path / "src/samo").mkdir(parents=True)
    (tmp_path / "src/samo/one.py").write_text("x = 1\n")
    (tmp_path / "params.yaml").write_text("seeds: [0]\n")
    facts = provenance(tmp_path, "cpu")
    assert facts == provenance(tmp_path, "cpu")
    assert facts["device"] == "cpu"
    assert "+" not in facts["torch"]
    assert len(facts["git tree of src/samo"]) == 40
    assert facts["params.yaml"] != "missing"
    assert facts["reports/tables/ladder.csv"] == facts["dvc.lock (tables)"] == "missing"

    def said(report: str, md5: str = "1") -> str:
        stages = {"report": {"outs": report}, "tables": {"cmd": "c", "deps": [{"md5": md5}], "outs": report}}
        (tmp_path / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))
        return provenance(tmp_path)["dvc.lock (tables)"]

    assert said("one") == said("two") != said("one", md5="2")
