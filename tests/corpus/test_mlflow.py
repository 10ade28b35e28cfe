"""MLflow's store of another version, locked, or none at all, through `samo track`."""

import shutil
import sqlite3
from contextlib import closing, nullcontext

import pytest

from samo.study.tracking import mlflow_store
from tests.corpus.entry import refused, samo, untouched
from tests.study.made_study import ROOT


def edit(path, statement):
    with closing(sqlite3.connect(path)) as store, store:
        store.execute(statement)


def older(path):
    """A version that MLflow had, of which the tables would have to be brought up to date by hand."""
    edit(path, "UPDATE alembic_version SET version_num = '451aebb31d03'")


def no_tables(path):
    edit(path, "DROP TABLE runs")


def garbage(path):
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 4000)


def folder(path):
    path.unlink()
    path.mkdir()


@pytest.fixture
def project(bare, monkeypatch, empty_store):
    shutil.copy(ROOT / "profiles/smoke.yaml", bare / "params.yaml")
    shutil.copy(empty_store, bare / "mlflow.db")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(mlflow_store, "PATIENCE", 0.2)
    return bare


def test_a_broken_store(project, capsys, empty_store):
    for breaks in (older, no_tables, garbage, folder):
        shutil.copy(empty_store, project / "mlflow.db")
        breaks(project / "mlflow.db")
        with nullcontext() if breaks is no_tables else untouched(project):
            refused(samo(capsys, "track"), "samo track")


def test_a_locked_store_and_an_address_that_is_none(project, capsys, monkeypatch):
    with closing(sqlite3.connect(project / "mlflow.db")) as other, untouched(project):
        other.execute("BEGIN EXCLUSIVE")
        refused(samo(capsys, "track"), str(project / "mlflow.db"), "locked")
        other.rollback()
    for address, told in (("nonsense://x", "MLflow"), (f"sqlite:///{project}/params.yaml/mlflow.db", "params.yaml")):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        with untouched(project):
            refused(samo(capsys, "track"), told)
