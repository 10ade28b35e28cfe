"""The tiny project, made once and copied for each test."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.study.project import CELL, PARAMS, PIPELINE, Project


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("template") / "project"
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
