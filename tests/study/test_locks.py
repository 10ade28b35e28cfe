"""DVC's lists of who reads and writes what, after processes that were killed; and which process is which."""

import json
import os
import subprocess
import sys

import psutil
import pytest

from samo.study import locks, processes
from tests.corpus.entry import samo
from tests.study.made_study import ROOT
from tests.study.project import Project

GONE = 4_194_999


def listed(project: Project, pid: int, began: float = 1) -> None:
    """As a DVC that began then and was killed leaves it."""
    path = project.root / ".dvc/tmp/rwlock"
    whose = {"pid": pid, "cmd": "dvc repro"}
    path.write_text(json.dumps({"write": {str(project.root / "data/raw/one"): whose}, "read": {"/there": [whose]}}))
    os.utime(path, (began, began))


def test_entries_of_processes_that_are_gone_go_and_others_stay(project: Project) -> None:
    path = project.root / ".dvc/tmp/rwlock"
    path.unlink(missing_ok=True)
    assert not locks.repair(project.root)
    for pid in (GONE, os.getpid()):  # another process has that number since: the list is older than this one
        listed(project, pid)
        assert locks.repair(project.root)
        assert json.loads(path.read_text()) == {"write": {}, "read": {}}
        assert not locks.repair(project.root)
    listed(project, os.getpid(), psutil.Process().create_time() + 60)
    before = path.read_text()
    assert not locks.repair(project.root)
    assert path.read_text() == before


def test_samo_check_repairs_a_list_that_dvc_cannot_read(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = project.root / ".dvc/tmp/rwlock"
    monkeypatch.setenv("DVC_ROOT", str(project.root))
    (project.root / "params.yaml").write_text((ROOT / "profiles/smoke.yaml").read_text())
    for left in ("", '{"write": {"/there": {"pi', "[]"):
        path.write_text(left)
        found = samo(capsys, "check")
        assert (found.code, found.err) == (0, "")
        assert "all well" in found.out
        assert "entries of processes that are gone were removed" in found.out
        assert json.loads(path.read_text()) == {}
    assert "removed" not in samo(capsys, "check").out


@pytest.mark.parametrize("ignores", [False, True])
def test_who_started_a_process_that_is_ended_sees_that_it_failed(ignores: bool) -> None:
    """DVC would otherwise keep the half of an output that a killed command had written."""
    answer = "signal.SIG_IGN" if ignores else "signal.SIG_DFL"
    code = f"import signal, time; signal.signal(15, {answer}); print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout
        child.stdout.readline()
        processes.end([psutil.Process(child.pid)])
        assert child.wait() == (-9 if ignores else -15)


def test_a_process_is_known_by_when_it_began() -> None:
    own = processes.identity()
    host, pid, began = own.split()
    assert float(began) == round(psutil.Process().create_time())
    assert processes.is_alive_as(own)
    assert processes.is_alive_as(f"elsewhere {pid} {began}")  # cannot be told
    for gone in ("", "nonsense", f"{host} {GONE} {began}", f"{host} {pid} 12345", f"{host} x {began}"):
        assert not processes.is_alive_as(gone)
    assert processes.is_alive(os.getpid())
    assert not processes.is_alive(GONE)
    assert not processes.is_alive(os.getpid(), by=1)


def test_a_second_repro_is_refused_and_prints_no_table(study, capsys):
    table = study / "reports/tables/multimnist.csv"
    table.parent.mkdir(parents=True)
    table.write_text("of an earlier run")
    with locks.only_one(study):
        found = samo(capsys, "repro")
    assert (found.code, found.out) == (1, "")
    assert found.err == f"the study runs here already, as process {os.getpid()}\n"
