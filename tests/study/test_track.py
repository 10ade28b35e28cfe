import os
import sqlite3
import time

import pytest
from mlflow import MlflowClient

from samo.search import Trial
from samo.study import config, half_runs, mlflow_store, track
from samo.study.cell import train_cell
from samo.study.cells import Cell


@pytest.fixture
def client(study):
    return MlflowClient(track.uri(study))


def runs(client):
    experiment = client.get_experiment_by_name("multimnist")
    return client.search_runs([experiment.experiment_id]) if experiment else []


def view(client):
    """What a person compares, without ids and times."""
    return sorted(
        (
            r.info.run_name,
            r.info.status,
            sorted(r.data.params.items()),
            sorted(r.data.metrics.items()),
            sorted((k, v) for k, v in r.data.tags.items() if k not in {"device", "git.commit"} and "mlflow." not in k),
            [(m.step, m.value) for m in client.get_metric_history(r.info.run_id, "test/left/accuracy")],
        )
        for r in runs(client)
    )


def test_rebuilding_gives_the_runs_that_live_logging_gave_and_twice_changes_nothing(
    study, client, monkeypatch, tmp_path
):
    train_cell("multimnist", "samo-ls")
    live = view(client)
    assert [name for name, *_ in live] == ["samo-ls/0", "samo-ls/1"]
    assert track.rebuild(study, config.load(), lambda _: None) == 0
    assert view(client) == live

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/other.db")
    assert track.rebuild(study, config.load(), lambda _: None) == 2
    assert track.rebuild(study, config.load(), lambda _: None) == 0
    rebuilt = view(MlflowClient(track.uri(study)))
    # What lies in data/runs is rounded to six places; all else is the same.
    for one, other in zip(rebuilt, live, strict=True):
        assert one[:3] == other[:3]
        assert one[4] == other[4]
        assert dict(one[3]) == pytest.approx(dict(other[3]), abs=1e-6)
        assert [step for step, _ in one[5]] == [1, 2]


def test_a_run_says_what_it_was(study, client):
    train_cell("multimnist", "samo-ls")
    (run,) = [r for r in runs(client) if r.data.tags["seed"] == "1"]
    tags, params = run.data.tags, run.data.params
    assert (tags["dataset"], tags["method"], tags["aggregator"], tags["sharpness"]) == (
        "multimnist",
        "samo-ls",
        "ls",
        "samo",
    )
    assert params["alpha"] == "0.3"
    assert float(params["rho"]) in {0.02, 0.1}
    assert params["training.epochs"] == "2"
    steps = client.get_metric_history(run.info.run_id, "val/right/loss")
    assert [m.step for m in steps] == [1, 2]


def test_runs_of_older_results_stay_but_are_not_current(study, client):
    train_cell("multimnist", "ls")
    params = study / "params.yaml"
    params.write_text(params.read_text().replace("epochs: 2", "epochs: 1"))
    train_cell("multimnist", "ls")
    assert sorted(r.data.tags["current"] for r in runs(client)) == ["no", "no", "yes", "yes"]


@pytest.mark.parametrize(("raised", "status"), [(FloatingPointError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_a_cell_that_ends_early_marks_all_its_runs(study, client, monkeypatch, raised, status):
    from samo.train import fit

    def broken(problem, recipe, *args, **more):
        if recipe.seed == 1:
            raise raised("made")
        return fit(problem, recipe, *args, **more)

    monkeypatch.setattr("samo.study.cell.fit", broken)
    with pytest.raises(raised):
        train_cell("multimnist", "ls")
    assert {r.data.tags["seed"]: r.info.status for r in runs(client)} == {"0": status, "1": status}
    assert not (study / "data/runs/multimnist/ls").exists()


def test_what_a_killed_process_left_is_marked_and_its_cell_s_new_run_is_whole(study, client):
    """As after SIGKILL: nobody was left to end the run."""
    params, cell = config.load(), Cell("multimnist", "ls")
    killed = track.Live(study, params, cell, Trial(0.01, None, 0.0), "cpu").__enter__()
    killed.start(0)
    (run,) = runs(client)
    assert run.info.status == "RUNNING"
    assert half_runs.end(client, run.info.experiment_id) == 0  # this process lives
    gone = half_runs.this_process().replace(f" {os.getpid()} ", " 4194999 ")
    reused = f"{half_runs.this_process().rsplit(' ', 1)[0]} 12345"
    for whose in (gone, reused):
        client.update_run(run.info.run_id, status="RUNNING")
        client.set_tag(run.info.run_id, half_runs.PROCESS, whose)
        assert track.rebuild(study, params, lambda _: None) == 0
        assert client.get_run(run.info.run_id).info.status == "KILLED"
    client.update_run(run.info.run_id, status="RUNNING")
    train_cell("multimnist", "ls")
    assert sorted(r.info.status for r in runs(client)) == ["FINISHED", "FINISHED", "KILLED"]
    assert track.rebuild(study, params, lambda _: None) == 0


@pytest.mark.parametrize("away", ["locked", "no server"])
def test_while_mlflow_is_away_training_goes_on_with_one_warning_and_track_mends(study, client, monkeypatch, away):
    monkeypatch.setattr(mlflow_store, "PATIENCE", 0.2)
    address = track.uri(study)
    other = sqlite3.connect(address.removeprefix("sqlite:///"))
    if away == "locked":
        other.execute("BEGIN EXCLUSIVE")
    else:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    began = time.monotonic()
    with pytest.warns(UserWarning, match="training goes on, `samo track` mends the view") as said:
        train_cell("multimnist", "ls")
    other.close()
    assert time.monotonic() - began < 20  # MLflow's own patience is minutes
    ours = [str(w.message) for w in said if "samo track" in str(w.message)]
    assert len(ours) == 1
    assert all("\n" not in words for words in ours)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert track.rebuild(study, config.load(), lambda _: None) == 2
    assert [r.info.status for r in runs(client)] == ["FINISHED"] * 2


def test_a_store_that_goes_away_meanwhile_is_one_warning(study, client, monkeypatch):
    """The first epoch is logged, then nothing more is tried."""
    real, calls = track._log, []

    def failing(*args):
        calls.append(args)
        if len(calls) > 1:
            raise ConnectionError("gone")
        real(*args)

    monkeypatch.setattr(track, "_log", failing)
    with pytest.warns(UserWarning, match="MLflow: gone; training goes on") as said:
        train_cell("multimnist", "ls")
    assert len([w for w in said if "MLflow" in str(w.message)]) == 1
    assert len(calls) == 2
    monkeypatch.setattr(track, "_log", real)
    assert track.rebuild(study, config.load(), lambda _: None) == 2


def test_every_dataset_has_a_page_of_its_runs(study, client):
    train_cell("multimnist", "ls")
    experiment = client.get_experiment_by_name("multimnist").experiment_id
    found = track.pages(study, config.load(), "http://here")
    assert found == {"multimnist": f"http://here/#/experiments/{experiment}/runs"}
