"""MLflow's server in a process of its own, as long as a test needs it."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def serving(log: Path, *arguments: str) -> Iterator[str]:
    """Run `python -m <arguments> --port <free>` until it answers; yields its address, and ends all of it after."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with log.open("w") as out:
        command = [sys.executable, "-m", *arguments, "--port", str(port)]
        server = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True, env=dict(os.environ))
    try:
        deadline = time.monotonic() + 180
        while not _answers(address):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
