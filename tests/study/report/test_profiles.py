"""The profile beside the others: what it lacks, with the profile that has it, and what differs from the papers'."""

import shutil

import pytest

from samo.study import config, profile
from samo.study.report import profiles
from samo.study.report.profiles import differs
from tests.study.report.test_published import ROOT


def test_the_laptop_profile_names_data_network_and_budget():
    laptop = profile.read(ROOT, "laptop")[1]
    found = differs(ROOT, laptop, "multimnist")
    assert found is not None
    assert f"data.train is {laptop.datasets['multimnist'].data.train:,}, the papers' 120,000" in found
    assert "training.network is lenet, the papers' resnet18" in found
    assert any(line.startswith("updates: 300, ") and line.endswith("the papers' 93,600") for line in found)
    assert any("searched are lr" in line for line in found)
    assert not any("seed" in line or "conflict_batches" in line for line in found)


def test_the_papers_own_settings_do_not_differ_from_themselves():
    papers = profile.read(ROOT, "paper")[1]
    for dataset in papers.datasets:
        assert differs(ROOT, papers, dataset) == []


def test_a_dataset_that_no_paper_has_cannot_differ(tmp_path):
    laptop = profile.read(ROOT, "laptop")[1]
    assert differs(tmp_path, laptop, "multimnist") is None


@pytest.mark.parametrize("seeds", [[0, 1], [5, 6, 7]])
def test_seeds_count_where_their_number_differs(tmp_path, seeds):
    (tmp_path / "profiles").mkdir()
    text = (ROOT / "profiles/paper.yaml").read_text()
    shutil.copy(ROOT / "profiles/paper.yaml", tmp_path / "profiles")
    params = config.parse(text.replace("seeds: [0, 1, 2]", f"seeds: {seeds}", 1))
    said = differs(tmp_path, params, "qm9")
    assert said == ([f"seeds: {len(seeds)}, the papers' 3"] if len(seeds) != 3 else [])


def test_a_dataset_is_found_in_the_profiles_that_have_it():
    assert profiles.absent(ROOT, "Office-Home", lambda p: "officehome" in p.datasets) == (
        "Not in this profile: Office-Home. `samo profile mini` or `samo profile paper` has it."
    )
    assert "`samo profile laptop`" in profiles.absent(ROOT, "digits", lambda p: "multimnist" in p.datasets)


def test_what_no_profile_has_is_not_promised():
    said = profiles.absent(ROOT, "X", profiles.has_sharpness("no-such-preset"))
    assert said == "Not in this profile: X. No ready-made profile has it: a line in params.yaml brings it."


def test_sharpness_and_varied_fields_are_looked_up():
    assert "samo profile paper" in profiles.absent(ROOT, "F-MTL", profiles.has_sharpness("lsam", "fmtl"))
    assert "No ready-made" in profiles.absent(ROOT, "F-STL", profiles.has_sharpness("fmtl", "no-such", separate=True))
    assert "samo profile laptop" in profiles.absent(ROOT, "probe", lambda p: "probe" in p.analyses)
    assert "samo profile paper" in profiles.absent(ROOT, "mu", profiles.varies("mu"))
    assert "smoke" not in profiles.absent(ROOT, "alpha", profiles.varies("alpha"))
