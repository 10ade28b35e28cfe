"""The set-up for a group, as docs/mlflow-server.md describes it: runs in Postgres, files with the server."""

from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts

from samo.study import config
from samo.study.tracking.rebuild import rebuild
from tests.study import made_runs
from tests.study.tracking.postgres import postgres
from tests.study.tracking.served import serving

# A database is made, and MLflow fills it with its tables: about ten seconds.
pytestmark = pytest.mark.slow


def test_a_group_sees_the_runs_of_all_its_machines(study, tmp_path, monkeypatch):
    made_runs.make(study)
    files = tmp_path / "files"
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")  # ours is seconds, and tests share their machine
    with postgres() as database:
        command = ("mlflow", "server", "--workers", "1", "--backend-store-uri", database)
        with serving(tmp_path / "server.log", *command, "--artifacts-destination", str(files)) as address:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
            assert rebuild(study, config.load(), lambda _: None) == 6
            assert rebuild(study, config.load(), lambda _: None) == 0

            client = MlflowClient(address)
            experiment = client.get_experiment_by_name("multimnist")
            best, *_ = client.search_runs(
                [experiment.experiment_id], "tags.sharpness = 'samo'", order_by=["metrics.delta_m ASC"]
            )
            assert best.info.run_name == "samo-ls/1"
            assert best.data.metrics["gain"] < 0
            page = download_artifacts(run_id=best.info.run_id, artifact_path="notebook/train-multimnist-samo-ls.html")
            assert "samo-ls" in Path(page).read_text()
            assert [path.name for path in files.rglob("1.svg")] == ["1.svg"] * 6
            assert not (study / "mlartifacts").exists()


def test_a_server_that_is_away_is_told_in_one_line_without_the_password(study, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://somebody:secret@127.0.0.1:9")
    made_runs.make(study, ("stl",))
    with pytest.raises(OSError, match=r"MLflow at http://127\.0\.0\.1:9: ") as told:
        rebuild(study, config.load(), lambda _: None)
    assert "\n" not in str(told.value)
    assert "secret" not in str(told.value)
