"""The tiny project of the grid's tests, and the small study: each made once and copied for each test."""

import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from dvc.repo import Repo
from mlflow import MlflowClient

from tests.study import made_study
from tests.study.project import CONDITION, PARAMS, PIPELINE, Project


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project in a new folder, committed, without params.yaml."""
    root = tmp_path_factory.mktemp("template") / "project"
    root.mkdir()
    files = {"dvc.yaml": PIPELINE, "condition.py": CONDITION, "code.txt": "code\n", ".dvcignore": ".samo\n"}
    for name, text in (files | {".gitignore": "/.samo/\n/data/\n/table.txt\n"}).items():
        (root / name).write_text(text)
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    with Repo.init(str(root)) as repo, repo.config.edit("repo") as settings:
        settings["core"]["analytics"] = False
    Project(root).commit()
    return root


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Project:
    shutil.copytree(template, tmp_path / "project")
    made = Project(tmp_path / "project")
    (made.root / "params.yaml").write_text(PARAMS.format(trace=made.trace))
    return made


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    """MLflow takes seconds to make a database: one is made, each test gets a copy."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The small study as the current folder, in which commands run."""
    folder = made_study.make(tmp_path / "study")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return folder


@pytest.fixture
def study(tmp_path, monkeypatch, empty_store):
    folder = made_study.make(tmp_path / "study")
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    monkeypatch.setenv("DVC_ROOT", str(folder))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.delenv("SAMO_PROGRESS", raising=False)
    threads = torch.get_num_threads()
    yield folder
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)
