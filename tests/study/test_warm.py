"""A process that a server forks stands in every way for the one that asked."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from samo.study import warm

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is a server on Linux alone")
COMMAND = [sys.executable, "-m", "samo.study"]


@pytest.fixture(scope="module")
def server() -> Iterator[warm.Server]:
    found = warm.Server(libraries=["json"])
    found.start()
    yield found
    found.close()


def until(true: object, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.05)


def project(folder: Path) -> Path:
    """A folder whose own code is what must run: its command line tells where it is, then waits for a while."""
    (folder / "src/samo/study").mkdir(parents=True)
    for name in ("__init__.py", "study/__init__.py"):
        (folder / "src/samo" / name).write_text("")
    source = Path(warm.__file__)
    (folder / "src/samo/study/warm.py").write_text(source.read_text())
    (folder / "src/samo/study/__main__.py").write_text(source.with_name("__main__.py").read_text())
    cli = "import os, sys, time\ndef main():\n"
    cli += "    print('here', __file__, os.getcwd(), os.getpid(), *sys.argv[1:], flush=True)\n"
    (folder / "src/samo/study/cli.py").write_text(cli + "    time.sleep(float(sys.argv[1]))\n    sys.exit(7)\n")
    return folder


def start(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    env = {**os.environ, "PYTHONPATH": "src"}
    return subprocess.Popen([*COMMAND, *arguments], cwd=folder, env=env, stdout=subprocess.PIPE, text=True)


def test_it_runs_the_code_of_the_folder_it_was_called_in(server: warm.Server, tmp_path: Path) -> None:
    asked = start(project(tmp_path), "0", "two words")
    said, _ = asked.communicate()
    assert said.split()[:3] == ["here", str(tmp_path / "src/samo/study/cli.py"), str(tmp_path)]
    assert said.endswith("0 two words\n")
    assert int(said.split()[3]) != asked.pid
    assert asked.returncode == 7


def test_who_asked_is_killed_and_so_is_what_runs(server: warm.Server, tmp_path: Path) -> None:
    asked = start(project(tmp_path), "60")
    assert asked.stdout is not None
    child = int(asked.stdout.readline().split()[3])
    asked.kill()
    until(lambda: not psutil.pid_exists(child))


def test_what_runs_is_killed_and_who_asked_ends_alike(server: warm.Server, tmp_path: Path) -> None:
    asked = start(project(tmp_path), "60")
    assert asked.stdout is not None
    os.kill(int(asked.stdout.readline().split()[3]), signal.SIGKILL)
    assert asked.wait(30) == -signal.SIGKILL


def test_without_a_server_it_starts_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(warm.VARIABLE, str(tmp_path / "gone" / "socket"))
    asked = start(project(tmp_path), "0")
    said, _ = asked.communicate()
    assert int(said.split()[3]) == asked.pid
    assert asked.returncode == 7


def test_its_end_leaves_nothing(tmp_path: Path) -> None:
    own = warm.Server(libraries=[])
    own.start()
    asked = start(project(tmp_path), "60")
    assert asked.stdout is not None
    child = int(asked.stdout.readline().split()[3])
    folder = Path(os.environ[warm.VARIABLE]).parent
    own.close()
    asked.wait(30)
    until(lambda: not psutil.pid_exists(child))
    assert not folder.exists()
