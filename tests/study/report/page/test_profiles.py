"""The profile beside the others: what it lacks, with the profile that has it, and what differs from the papers'."""

import shutil

import pytest

from samo.study import config, profile
from samo.study.report.page import profiles
from samo.study.report.page.profiles import differs
from tests.study.made_study import ROOT


def test_the_laptop_profile_names_data_network_and_search(tmp_path):
    laptop = profile.read(ROOT, "laptop")[1]
    found = differs(ROOT, laptop, "multimnist") or []
    assert f"data.train is {laptop.datasets['multimnist'].data.train:,}, the papers' 120,000" in found
    assert "training.network is lenet, the papers' resnet18" in found
    assert "updates is 300, the papers' 93,600" in found
    assert any(line.startswith("search.lr is ") for line in found)
    assert not any("data.seed" in line or "conflict_batches" in line for line in found)
    assert differs(tmp_path, laptop, "multimnist") is None


def test_the_papers_own_settings_do_not_differ_from_themselves():
    papers = profile.read(ROOT, "paper")[1]
    for dataset in papers.datasets:
        assert differs(ROOT, papers, dataset) == []


@pytest.mark.parametrize("seeds", [[0, 1], [5, 6, 7]])
def test_seeds_count_where_their_number_differs(tmp_path, seeds):
    (tmp_path / "profiles").mkdir()
    text = (ROOT / "profiles/paper.yaml").read_text()
    shutil.copy(ROOT / "profiles/paper.yaml", tmp_path / "profiles")
    params = config.parse(text.replace("seeds: [0, 1, 2]", f"seeds: {seeds}", 1))
    assert differs(tmp_path, params, "qm9") == (["seeds is 2, the papers' 3"] if len(seeds) != 3 else [])


def test_what_is_missing_is_found_in_the_profiles_that_have_it_and_not_promised_otherwise():
    assert profiles.absent(ROOT, "Office-Home", profiles.has_dataset("officehome")) == (
        "Not in this profile: Office-Home. `samo profile mini` or `samo profile paper` has it."
    )
    assert profiles.absent(ROOT, "X", profiles.has_sharpness("no-such-preset")) == (
        "Not in this profile: X. No ready-made profile has it: a line in params.yaml brings it."
    )
    for holds in (profiles.has_sharpness("lsam", "fmtl"), profiles.varies("mu")):
        assert "samo profile paper" in profiles.absent(ROOT, "", holds)
    assert "No ready-made" in profiles.absent(ROOT, "", profiles.has_sharpness("fmtl", "no-such", separate=True))
    assert "samo profile laptop" in profiles.absent(ROOT, "", lambda p: "probe" in p.analyses)
    assert "smoke" not in profiles.absent(ROOT, "", profiles.varies("alpha"))
