"""MLflow's store of another version, locked, or none at all, through `samo track`."""

import shutil
import sqlite3
from contextlib import closing, nullcontext

import pytest

from samo.study.tracking import mlflow_store
from tests.corpus.entry import refused, samo, untouched
from tests.study.made_study import ROOT


def older(path):
    """A version that MLflow had, of which the tables would have to be brought up to date by hand."""
    with closing(sqlite3.connect(path)) as store:
        store.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")
        store.commit()


def no_tables(path):
    with closing(sqlite3.connect(path)) as store:
        store.execute("DROP TABLE runs")
        store.commit()


def garbage(path):
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 4000)


def folder(path):
    path.unlink()
    path.mkdir()


@pytest.fixture
def project(tmp_path, monkeypatch, empty_store):
    root = tmp_path / "project"
    root.mkdir()
    (root / "dvc.yaml").write_text("stages: {}\n")
    shutil.copy(ROOT / "profiles/smoke.yaml", root / "params.yaml")
    shutil.copy(empty_store, root / "mlflow.db")
    monkeypatch.setenv("DVC_ROOT", str(root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(mlflow_store, "PATIENCE", 0.2)
    return root


@pytest.mark.parametrize("breaks", [older, no_tables, garbage, folder], ids=lambda breaks: breaks.__name__)
def test_a_broken_store(project, capsys, breaks):
    breaks(project / "mlflow.db")
    with nullcontext() if breaks is no_tables else untouched(project):
        refused(samo(capsys, "track"), "samo track")


def test_a_locked_store(project, capsys):
    with closing(sqlite3.connect(project / "mlflow.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        with untouched(project):
            refused(samo(capsys, "track"), str(project / "mlflow.db"), "locked")
        other.rollback()


@pytest.mark.parametrize("address", ["nonsense://x", "sqlite:///{root}/params.yaml/mlflow.db"])
def test_an_address_that_is_none(project, capsys, monkeypatch, address):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address.format(root=project))
    with untouched(project):
        refused(samo(capsys, "track"), "params.yaml" if "root" in address else "MLflow")
