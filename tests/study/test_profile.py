import pytest

from samo.study import config, profile
from samo.study.errors import ConfigError
from tests.study.made_study import ROOT

SMOKE = (ROOT / "profiles/smoke.yaml").read_text()


@pytest.fixture
def root(tmp_path):
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles/smoke.yaml").write_text(SMOKE)
    (tmp_path / "profiles/other.yaml").write_text(SMOKE.replace("seeds: [0, 1]", "seeds: [5]").replace("[0]", "null"))
    return tmp_path


def test_a_profile_becomes_the_active_one_and_an_edited_file_is_put_aside(root):
    assert profile.names(root) == ["other", "smoke"]
    assert profile.active(root) is None
    text, params = profile.read(root, "other")
    assert params.seeds == [5]
    assert profile.activate(root, text) is None
    assert profile.active(root) == "other"
    assert config.load(root / "params.yaml").seeds == [5]
    (root / "params.yaml").write_text("mine\n")
    assert profile.activate(root, SMOKE) == root / profile.KEPT
    assert (root / profile.KEPT).read_text() == "mine\n"
    assert profile.activate(root, SMOKE) is None


def test_an_unknown_or_broken_profile_changes_nothing(root):
    with pytest.raises(ConfigError, match="no profile 'laptob': there are other, smoke"):
        profile.read(root, "laptob")
    (root / "profiles/bad.yaml").write_text(SMOKE.replace("seeds: [0, 1]", "seeds: []"))
    with pytest.raises(ConfigError, match=r"profiles/bad\.yaml: seeds"):
        profile.read(root, "bad")
    assert not (root / "params.yaml").exists()


def test_the_active_profile_here_is_the_laptop():
    """What a fresh clone runs is the default that the README speaks of."""
    assert profile.active(ROOT) == "laptop"
