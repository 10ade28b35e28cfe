"""Nothing goes out, and nothing listens beyond this machine."""

import configparser
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from samo.study import config, paths
from samo.study.notebooks.notebook import LocalKernelManager
from samo.study.tracking import rebuild as track_rebuild

ROOT = Path(__file__).parents[1]
QUIET = {
    "DO_NOT_TRACK": "true",
    "DVC_NO_ANALYTICS": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
}


def test_no_command_tells_anybody_of_a_run() -> None:
    """Of every command, for all of them come out of this package; a kernel has its parent's variables."""
    bare = {name: value for name, value in os.environ.items() if name not in QUIET}
    code = "import json, os, samo.study; print(json.dumps(dict(os.environ)))"
    done = subprocess.run([sys.executable, "-c", code], env=bare, capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout)
    assert {name: seen.get(name) for name in QUIET} == QUIET


def test_dvc_tells_nobody_either() -> None:
    """Also when it is called by itself."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / ".dvc/config")
    assert settings["core"]["analytics"] == "false"
    assert settings["core"]["check_update"] == "false"


def test_the_page_of_mlflow_is_for_this_machine_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    called: list[list[str]] = []
    monkeypatch.setattr(paths, "root", lambda: tmp_path)
    monkeypatch.setattr(config, "load", lambda: SimpleNamespace(datasets=[]))
    monkeypatch.setattr(track_rebuild, "rebuild", lambda *_: 0)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(os, "execv", lambda program, command: called.append(command))
    track_rebuild.show(tmp_path, 5001)
    (command,) = called
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert {name: os.environ.get(name) for name in QUIET} == QUIET


def test_kernels_listen_on_no_port() -> None:
    assert LocalKernelManager().transport == "ipc"


def test_the_report_loads_nothing_from_elsewhere() -> None:
    page = (ROOT / "reports/html/index.html").read_text()
    elsewhere = r"(\b(src|href|data)\s*=|@import|url\()\s*['\"]?(https?:)?//"
    assert re.search(elsewhere, "<script src='//x.org/a.js'></script>")
    assert not re.search(rf"{elsewhere}|@import|\bfetch\(|XMLHttpRequest|\bimport\(", page)
