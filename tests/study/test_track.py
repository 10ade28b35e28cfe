import pytest
from mlflow import MlflowClient

from samo.study import config, track
from samo.study.cell import train_cell


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


def test_a_failed_training_marks_its_run(study, client, monkeypatch):
    def broken(*args, **kwargs):
        raise FloatingPointError("made")

    monkeypatch.setattr("samo.study.cell.fit", lambda *a, **k: broken() if "test" in a[2] else real(*a, **k))
    from samo.train import fit as real

    with pytest.raises(FloatingPointError):
        train_cell("multimnist", "ls")
    assert [r.info.status for r in runs(client)] == ["FAILED"]
    assert not (study / "data/runs/multimnist/ls").exists()


def test_every_dataset_has_a_page_of_its_runs(study, client):
    train_cell("multimnist", "ls")
    experiment = client.get_experiment_by_name("multimnist").experiment_id
    found = track.pages(study, config.load(), "http://here")
    assert found == {"multimnist": f"http://here/#/experiments/{experiment}/runs"}
