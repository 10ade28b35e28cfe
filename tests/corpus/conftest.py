"""The small study of the cells' tests, and a project without any results."""

import urllib.error

import pytest

from tests.study.conftest import empty_store as empty_store
from tests.study.conftest import study as study


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A folder with params.yaml of one dataset, and no way to the network."""

    def unreachable(*_args, **_more):
        raise urllib.error.URLError("cannot be reached")

    root = tmp_path / "project"
    root.mkdir()
    (root / "dvc.yaml").write_text("stages: {}\n")
    monkeypatch.setenv("DVC_ROOT", str(root))
    monkeypatch.setenv("SAMO_DATA", str(tmp_path / "given"))
    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    monkeypatch.setattr("shutil.which", lambda name: f"/nowhere/{name}")
    return root
