"""The set-up for a group, as docs/mlflow-server.md describes it: runs in Postgres, files with the server, its pages."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts

from samo.study import config
from samo.study.tracking.rebuild import rebuild
from samo.study.tracking.record import Record
from tests.browser import chromium
from tests.forks import wait_for
from tests.study import made_runs


def tool(name: str) -> str | None:
    """A program of Postgres: where Debian puts it, by version; else on the PATH."""
    places = (*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), None)
    return next(filter(None, (shutil.which(name, path=place) for place in places)), None)


def run(*command: str) -> None:
    # Its output goes to files: a server that inherits a pipe would keep it open.
    with tempfile.TemporaryFile() as out:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd="/", check=False)
        out.seek(0)
        assert done.returncode == 0, out.read().decode()


@contextmanager
def postgres(otherwise: str) -> Iterator[str]:
    """The address of an empty database for SQLAlchemy; `otherwise`, where Postgres or its driver is not installed."""
    initdb, control = tool("initdb"), tool("pg_ctl")
    if initdb is None or control is None or (os.geteuid() == 0 and shutil.which("runuser") is None):
        yield otherwise
        return
    pytest.importorskip("psycopg2", reason="psycopg2 is not installed (extra dev)")
    folder = Path(tempfile.mkdtemp(prefix="samo-postgres-"))  # a socket's path must be short
    as_other: list[str] = []
    if os.geteuid() == 0:  # it does not run as root: then another user does it, and owns the folder
        user = next(name for name in ("postgres", "nobody") if name in {entry.pw_name for entry in pwd.getpwall()})
        shutil.chown(folder, user)
        as_other = ["runuser", "-u", user, "--"]
    try:
        run(*as_other, initdb, "-D", f"{folder}/data", "-U", "samo", "-A", "trust", "-N", "--no-locale", "-E", "UTF8")
        options = f"-k {folder} -c listen_addresses= -c fsync=off"
        run(*as_other, control, "-D", f"{folder}/data", "-w", "-l", f"{folder}/log", "-o", options, "start")
        try:
            yield f"postgresql+psycopg2://samo@/postgres?host={folder}"
        finally:
            run(*as_other, control, "-D", f"{folder}/data", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


@contextmanager
def serving(log: Path, *arguments: str) -> Iterator[str]:
    """MLflow's server on a free port as soon as it answers; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", port, *arguments]
    with log.open("w") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True, env=dict(os.environ))

    def answers() -> bool:
        assert server.poll() is None, log.read_text()
        with suppress(OSError):
            urllib.request.urlopen(f"{address}/health", timeout=1).close()
            return True
        return False

    try:
        wait_for(answers, 180)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@pytest.mark.slow  # a database, MLflow's tables in it, a server and a browser: about ten seconds
def test_a_group_sees_all_runs_and_compares_two_by_three_clicks(study, tmp_path, monkeypatch, empty_store):
    made_runs.make(study)
    shutil.copy(empty_store, tmp_path / "group.db")  # where there is no Postgres
    files = tmp_path / "files"
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")  # ours is seconds, and tests share their machine
    with postgres(f"sqlite:///{tmp_path}/group.db") as database:
        arguments = ("--backend-store-uri", database, "--artifacts-destination", str(files))
        with serving(tmp_path / "server.log", *arguments) as address:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
            assert [rebuild(study, config.load(), lambda _: None) for _ in range(2)] == [12, 0]
            client = MlflowClient(address)
            where = [client.get_experiment_by_name("multimnist").experiment_id]
            best, *_ = client.search_runs(where, "tags.sharpness = 'samo'", order_by=["metrics.delta_m ASC"])
            assert best.info.run_name in {"samo-ls/10/1", "samo-ls/20/1"}
            assert best.data.metrics["gain"] > 0
            page = download_artifacts(run_id=best.info.run_id, artifact_path="notebook/train-multimnist-samo-ls.html")
            assert "samo-ls" in Path(page).read_text()
            assert [path.name for path in files.rglob("1.svg")] == ["1.svg"] * 12
            assert not (study / "mlartifacts").exists()
            with chromium() as browser:
                _compare(browser, Record(study, config.load(), "multimnist").page(address))


def _compare(browser, page):
    tab = browser.new_page(viewport={"width": 1500, "height": 1000})
    tab.goto(page)
    rows = tab.locator(".ag-pinned-left-cols-container .ag-row")
    rows.first.wait_for(timeout=60_000)
    # The best first: Δm 0 by definition, 2.2 %, 5.5 %.
    order = {row.get_attribute("row-index"): row.inner_text() for row in rows.all()}
    for index, run in zip("048", ("stl/", "samo-ls/", "ls/"), strict=True):
        assert run in order[index]
    for run in ("samo-ls/20/1", "ls/20/1"):  # clicks 1 and 2
        rows.filter(has=tab.get_by_text(run, exact=True)).locator("input[type=checkbox]").first.click()
    tab.get_by_role("button", name="Compare", exact=True).click()  # click 3
    tab.get_by_text("Comparing 2 Runs").first.wait_for(timeout=60_000)
    for name in ("samo-ls/20/1", "ls/20/1", "delta_m"):
        tab.get_by_text(name, exact=True).first.wait_for()


def test_a_server_that_is_away_is_told_in_one_line_without_the_password(study, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://somebody:secret@127.0.0.1:9")
    made_runs.make(study, ("stl",))
    with pytest.raises(OSError, match=r"MLflow at http://127\.0\.0\.1:9: ") as told:
        rebuild(study, config.load(), lambda _: None)
    assert "\n" not in str(told.value)
    assert "secret" not in str(told.value)
