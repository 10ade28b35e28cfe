"""The tiny project of the grid's tests, and the small study of the cells': each made once and copied for each test."""

import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from mlflow import MlflowClient

from tests.study import made_study
from tests.study.project import CELL, PARAMS, PIPELINE, Project


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("template") / "project")


def make_template(root: Path) -> Path:
    """The project in a new folder, committed, without params.yaml."""
    root.mkdir()
    (root / "dvc.yaml").write_text(PIPELINE)
    (root / "cell.py").write_text(CELL)
    (root / "code.txt").write_text("code\n")
    (root / ".gitignore").write_text("/.samo/\n/data/\n/table.txt\n")
    (root / ".dvcignore").write_text(".samo\n")
    for command in (
        ["git", "init", "--quiet"],
        ["dvc", "init", "--quiet"],
        ["dvc", "config", "core.analytics", "false"],
        ["git", "add", "-A"],
        [
            "git",
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.org",
            "commit",
            "--quiet",
            "-m",
            "a project",
        ],
    ):
        subprocess.run(command, cwd=root, check=True)
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
