"""A process that a server forks stands in every way for the one that asked."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from samo.study import warm
from tests.forks import wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is a server on Linux alone")
# Its command line tells where it is, then waits for a while.
CLI = """
import os, sys, time
def main():
    print("here", __file__, os.getcwd(), os.getpid(), *sys.argv[1:], flush=True)
    time.sleep(float(sys.argv[1]))
    sys.exit(7)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose own code is what must run."""
    study, real = tmp_path / "src/samo/study", Path(warm.__file__)
    study.mkdir(parents=True)
    texts = {"../__init__.py": "", "__init__.py": "", "cli.py": CLI}
    for name, text in (texts | {name: (real.parent / name).read_text() for name in ("warm.py", "__main__.py")}).items():
        (study / name).write_text(text)
    return tmp_path


def start(folder: Path, *arguments: str) -> tuple["subprocess.Popen[str]", list[str]]:
    """A process that asks, and what stands for it says first."""
    env = {**os.environ, "PYTHONPATH": "src"}
    command = [sys.executable, "-m", "samo.study", *arguments]
    asked = subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, text=True)
    assert asked.stdout is not None
    return asked, asked.stdout.readline().split()


def test_it_runs_the_code_of_the_folder_and_ends_as_what_runs_does(folder: Path) -> None:
    server = warm.Server(libraries=["json"])
    server.start()
    own = Path(os.environ[warm.VARIABLE]).parent
    asked, said = start(folder, "0", "two words")
    assert said[:3] == ["here", str(folder / "src/samo/study/cli.py"), str(folder)]
    assert said[4:] == ["0", "two", "words"]
    assert int(said[3]) != asked.pid
    assert asked.wait(60) == 7

    asked, said = start(folder, "60")  # who asked is killed, and so is what runs
    asked.kill()
    wait_for(lambda: not psutil.pid_exists(int(said[3])))
    asked, said = start(folder, "60")  # what runs is killed, and who asked ends alike
    os.kill(int(said[3]), signal.SIGKILL)
    assert asked.wait(60) == -signal.SIGKILL
    asked, said = start(folder, "60")  # the server's end leaves nothing
    server.close()
    asked.wait(60)
    wait_for(lambda: not psutil.pid_exists(int(said[3])))
    assert not own.exists()


def test_without_a_server_it_starts_as_ever(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(warm.VARIABLE, str(folder / "gone/socket"))
    asked, said = start(folder, "0")
    assert int(said[3]) == asked.pid
    assert asked.wait(60) == 7
