import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from dvc_data.hashfile.hash import file_md5
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.tree import Tree
from mlflow import MlflowClient

from samo.study import config, paths
from samo.study.config.conditions import Condition
from samo.study.processes import identity
from samo.study.runs.condition import train_condition
from samo.study.tracking import mlflow_store, track
from samo.study.tracking.rebuild import rebuild
from samo.study.tracking.record import PROCESS, Record
from samo.training.loop import Row
from samo.training.search import Trial
from tests.study import made_runs


@pytest.fixture
def client(study):
    return MlflowClient(mlflow_store.uri(study))


def runs(client):
    return client.search_runs([client.get_experiment_by_name("multimnist").experiment_id])


def by_name(client):
    return {run.info.run_name: run for run in runs(client)}


def bring_up(study):
    return rebuild(study, config.load(), lambda _: None)


def view(client):
    """What a person compares, without ids and times."""
    return {
        name: (
            r.info.status,
            r.data.params,
            {k: v for k, v in r.data.tags.items() if k not in {"device", "git.commit"} and "mlflow." not in k},
            r.data.metrics,
            [(m.step, m.value) for m in client.get_metric_history(r.info.run_id, "test/left/accuracy")],
        )
        for name, r in by_name(client).items()
    }


def test_rebuilding_gives_what_live_logging_gave_and_twice_changes_nothing(study, client, monkeypatch, tmp_path):
    """Of a variant under `sensitivity`, too: its tags say what it is, live and rebuilt."""
    methods = {"samo-ls": ("no", "0.3"), "samo-ls-alpha09": ("yes", "0.9")}
    for method in methods:
        train_condition("multimnist", method)
    logged = view(client)
    said = {name: (tags["variant"], settings["alpha"]) for name, (_, settings, tags, *_) in logged.items()}
    budgets = [(updates, seed) for updates in (10, 20) for seed in (0, 1)]
    assert said == {f"{name}/{n}/{seed}": kind for name, kind in methods.items() for n, seed in budgets}
    assert float(logged["samo-ls/20/1"][1]["rho"]) > 0
    assert logged["samo-ls/20/1"][1]["training.evaluations"] == "2"
    assert bring_up(study) == 0
    live = view(client)
    for name, one in live.items():
        more = one[3].keys() - logged[name][3].keys()
        assert more == {"reported/left/accuracy", "reported/right/accuracy"}  # Δm needs STL, which has not run
        assert (one[:3], one[4:]) == (logged[name][:3], logged[name][4:])
    assert bring_up(study) == 0
    assert view(client) == live

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/other.db")
    assert bring_up(study) == 8
    assert bring_up(study) == 0
    rebuilt = view(MlflowClient(mlflow_store.uri(study)))
    assert rebuilt.keys() == live.keys()
    for name, one in rebuilt.items():  # data/runs is rounded to six places; all else is the same
        assert one[:3] == live[name][:3]
        assert one[3] == pytest.approx(live[name][3], abs=1e-6)
        updates = int(name.split("/")[1])
        assert [step for step, _ in one[4]] == [updates // 2, updates]


def live(condition="ls"):
    """What logs a condition of the study at hand while it trains."""
    return track.Live(paths.root(), config.load(), Condition("multimnist", condition), "cpu")


ROWS = [Row(1, "test", "left", "accuracy", 50.0)]


def test_runs_that_end_early_are_marked(study, client):
    for raised, status in ((FloatingPointError, "FAILED"), (KeyboardInterrupt, "KILLED")):
        with pytest.raises(raised), live() as views:
            for seed in (0, 1):
                views.start(20, seed, Trial(0.01))
                views.log(20, seed, ROWS)
            raise raised("made")
        assert {r.data.tags["seed"]: r.info.status for r in runs(client)[:2]} == {"0": status, "1": status}


def test_what_a_killed_process_left_is_marked_by_the_next_and_by_samo_track(study, client):
    """As after SIGKILL: nobody was left to end the run."""
    live().start(20, 0, Trial(0.01))
    (run,) = runs(client)
    assert run.info.status == "RUNNING"
    assert Record(study, config.load(), "multimnist").end_interrupted() == 0  # this process lives
    gone = identity().replace(f" {os.getpid()} ", " 4194999 ")
    reused = f"{identity().rsplit(' ', 1)[0]} 12345"
    for whose, next_ in ((gone, bring_up), (reused, lambda _: live().start(20, 1, Trial(0.01)))):
        client.update_run(run.info.run_id, status="RUNNING")
        client.set_tag(run.info.run_id, PROCESS, whose)
        next_(study)
        assert client.get_run(run.info.run_id).info.status == "KILLED"


@pytest.mark.parametrize("away", ["locked", "no server", "no folder", "gone meanwhile"])
def test_while_mlflow_is_away_training_goes_on_with_one_warning_and_track_catches_up(study, client, monkeypatch, away):
    monkeypatch.setattr(mlflow_store, "PATIENCE", 0.2)
    calls: list[object] = []

    def gone(*arguments):
        calls.append(arguments)
        raise ConnectionError("gone")

    with monkeypatch.context() as patch, closing(sqlite3.connect(study.parent / "mlflow.db")) as other:
        if away == "locked":
            other.execute("BEGIN EXCLUSIVE")
        elif away == "no server":
            patch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        elif away == "no folder":
            patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{study / 'params.yaml'}/mlflow.db")
        else:
            patch.setattr(Record, "log", gone)
        with pytest.warns(UserWarning, match="training goes on, `samo track` logs the runs later") as said:
            train_condition("multimnist", "ls")
    (ours,) = [str(w.message) for w in said if "samo track" in str(w.message)]
    assert "\n" not in ours
    assert len(calls) == (away == "gone meanwhile")  # then nothing more is tried
    assert bring_up(study) == 4  # two budgets, two seeds
    assert [r.info.status for r in runs(client)][:4] == ["FINISHED"] * 4


def test_runs_of_older_results_and_lost_conditions_stay_but_are_not_current(study, client):
    made_runs.make(study)
    assert bring_up(study) == 12
    found = by_name(client)
    assert found["stl/20/1"].data.metrics["delta_m"] == 0
    assert found["samo-ls/20/0"].data.metrics["gain"] == pytest.approx(100 * (3 / 90.5 + 3 / 91.5) / 2, abs=1e-4)
    # Other results of STL: the same runs of the others get another number.
    metrics = study / "data/runs/multimnist/stl/metrics.json"
    metrics.write_text(metrics.read_text().replace("90.0", "80.0"))
    assert bring_up(study) == 2
    assert sorted(r.data.tags["current"] for r in runs(client) if r.info.run_name == "stl/20/0") == ["no", "yes"]
    again = by_name(client)["samo-ls/20/0"]
    assert again.info.run_id == found["samo-ls/20/0"].info.run_id
    assert again.data.metrics["delta_m"] < found["samo-ls/20/0"].data.metrics["delta_m"] - 1

    params = study / "params.yaml"
    text = params.read_text()
    line = "  samo-ls: {aggregator: ls, sharpness: {preset: samo, alpha: 0.3}}\n"
    for profile, current in ((text.replace(line, ""), "no"), (text, "yes")):
        params.write_text(profile)
        assert bring_up(study) == 0
        assert by_name(client)["samo-ls/20/0"].data.tags["current"] == current
        assert by_name(client)["ls/20/0"].data.tags["current"] == "yes"


def test_a_run_keeps_its_notebook_with_its_figures_and_names_its_data_by_dvcs_own_digest(study, client):
    made_runs.make(study, ("ls",))
    folder, tree = study / "data/prepared/multimnist", Tree()
    (folder / "deep").mkdir()
    (folder / "deep/more.txt").write_text("more")
    bring_up(study)
    run = by_name(client)["ls/20/0"]
    kept = [file.path for kind in ("notebook", "figures") for file in client.list_artifacts(run.info.run_id, kind)]
    assert kept == [f"notebook/train-multimnist-ls.{kind}" for kind in ("html", "ipynb")] + ["figures/1.svg"]
    figure = study / "mlartifacts/multimnist" / run.info.run_id / "artifacts/figures/1.svg"
    assert figure.read_text() == "<svg/>"
    made_runs.notebook(study, "ls", "<svg>new</svg>")
    bring_up(study)
    assert figure.read_text() == "<svg>new</svg>"

    for path in filter(Path.is_file, folder.rglob("*")):
        tree.add(path.relative_to(folder).parts, None, HashInfo("md5", file_md5(str(path))))
    tree.digest()
    (used,) = run.inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("multimnist", tree.hash_info.value)


@pytest.mark.parametrize("asked", [True, False])
def test_system_metrics_are_logged_on_request(study, client, monkeypatch, asked):
    def logged():
        return [name for name in by_name(client)["ls/20/0"].data.metrics if name.startswith("system/")]

    monkeypatch.setenv(track.ASKED, str(asked).lower())
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.02")
    with live() as views:
        views.start(20, 0, Trial(0.01))
        deadline = time.monotonic() + 60 * asked
        while time.monotonic() < deadline and not logged():
            time.sleep(0.1)
        run = {"dataset": "multimnist", "method": "ls", "search": {"chosen": {}}, "seeds": {"0": {}}}
        views.finish(lambda updates: run | {"updates": updates})
    assert ("system/cpu_utilization_percentage" in logged()) is bool(logged()) is asked
