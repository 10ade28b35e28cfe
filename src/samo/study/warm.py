"""Processes that start with the libraries loaded: a server imports them once and forks for each stage and kernel.

torch, MLflow, pandas and papermill take about ten core-seconds to import, as long as many a stage's own work. The grid
keeps one server for all its workers; `python -m samo.study` and its kernels ask it for a process (`ask`) and stand in
for that process: output, exit code, signals, and its end when they are killed. Without a server, as under plain
`dvc repro`, they start as usual. The server loads none of this project's code: a stage imports it from its own clone.
"""

import contextlib
import gc
import importlib
import json
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

VARIABLE = "SAMO_WARM"
"""The variable that holds the server's socket."""
LOADED = (
    "IPython.lib.lexers",
    "ipykernel.kernelapp",
    "matplotlib.backends.backend_svg",
    "matplotlib.pyplot",
    "mlflow.store.tracking.sqlalchemy_store",  # else imported when the first run is logged
    "nbconvert",
    "pandas.io.formats.style",
    "papermill",
    "pydantic",
    "rich.table",
    "scipy.stats",
    "seaborn",
    "torch",
    "torch._dynamo",  # else imported by the first optimiser
    "torchjd.aggregation",
    "torchjd.scalarization",
    "typer",
)
# glibc returns large blocks to the system at once, so each tensor costs page faults; keeping the blocks avoids them.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "4294967296"}
# Variables read while libraries are imported: how a kernel draws, and that only its client waits for it.
_KERNEL = {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "JPY_PARENT_PID": "1"}
_KINDS = {"command": ("samo.study.cli", "main"), "kernel": ("ipykernel.kernelapp", "launch_new_instance")}
"""What can be asked for: a module, and the function in it to call."""


@dataclass
class Server:
    """A server beside this process: it ends with `close`, or when this process ends in whatever way."""

    libraries: Sequence[str] = LOADED
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server, and let every process started from now on find it."""
        if sys.platform != "linux":  # elsewhere a forked process may not use the system's libraries
            return
        path = Path(tempfile.mkdtemp(prefix="samo-")) / "socket"  # for this user alone; the path must be short
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "samo.study.warm", str(listener.fileno()), *self.libraries],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                env={**os.environ, **KEEP_MEMORY, **_KERNEL},
                pass_fds=[listener.fileno()],
                start_new_session=True,  # a Ctrl-C is the grid's to answer
            )
        os.environ[VARIABLE] = str(path)

    def close(self) -> None:
        """End the server, with what it started."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            shutil.rmtree(Path(os.environ.pop(VARIABLE)).parent, ignore_errors=True)


def ask(kind: str, arguments: list[str]) -> int | None:
    """Have the server run one of `_KINDS` in this process's place; its exit code, or None if there is no server."""
    if not (path := os.environ.get(VARIABLE)):
        return None
    request = {"kind": kind, "arguments": arguments, "env": dict(os.environ), "cwd": str(Path.cwd())}
    with socket.socket(socket.AF_UNIX) as server:
        try:
            server.connect(path)
        except OSError:
            return None
        socket.send_fds(server, [b"F"], [0, 1, 2])
        server.sendall(json.dumps(request).encode() + b"\n")
        replies = server.makefile("r")
        if not (line := replies.readline()):
            return None  # it died before it began
        child = int(line)

        def forward(number: int, _: FrameType | None) -> None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, forward)
        answer = replies.readline()
    code = int(answer) if answer else 1
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code not in {signal.SIGKILL, signal.SIGSTOP} else None
        os.kill(os.getpid(), -code)
    return code


def serve(listener: socket.socket, libraries: Sequence[str]) -> str:
    """Fork for each request until stdin ends; a forked process returns the kind that it becomes.

    The libraries are loaded at the first request: not every pipeline has a stage of this study.
    """
    loaded = False
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # so that what it started can end first, undisturbed
    while True:
        ready = select.select([listener, sys.stdin], [], [])[0]
        if sys.stdin in ready:  # it has ended: nothing is ever written there
            os.killpg(0, signal.SIGKILL)
        if not loaded:
            _load(libraries)
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # from here on, all children are the server's own
            loaded = True
        connection, _ = listener.accept()
        if not os.fork():
            listener.close()
            return _answer(connection)
        connection.close()


def _load(libraries: Sequence[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nobody would see them here
        for name in libraries:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
    gc.collect()
    gc.freeze()  # keeps loaded pages shared: garbage collection leaves them alone


def _answer(connection: socket.socket) -> str:
    """Fork once more: one process runs what was asked for, the other tells the asker how it ended."""
    _, files, _, _ = socket.recv_fds(connection, 1, 3)
    text = connection.makefile("r").readline()
    if len(files) != 3 or not text.endswith("\n"):  # the asker is gone
        os._exit(0)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if child := os.fork():
        for file in (0, *files):
            os.close(file)
        with contextlib.suppress(OSError):
            connection.sendall(f"{child}\n".encode())
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with contextlib.suppress(OSError):
            connection.sendall(f"{code}\n".encode())
        os._exit(0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    request = json.loads(text)
    _become(request, connection, files)
    return str(request["kind"])


def _become(request: dict[str, Any], connection: socket.socket, files: list[int]) -> None:
    """Take the place of the process that asked: its files, folder, variables and arguments."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    own = [str(Path(entry).absolute()) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    here = Path(__file__).resolve().parents[2]
    sys.path[:] = own + [entry for entry in sys.path if entry and Path(entry).resolve() != here and entry not in own]
    for name in [name for name in sys.modules if name.split(".")[0] == "samo"]:
        del sys.modules[name]
    importlib.invalidate_caches()
    sys.argv = ["__main__.py", *request["arguments"]]
    random.seed()
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed()

    def watch() -> None:
        with contextlib.suppress(OSError):
            connection.recv(1)  # nothing more is ever sent, so this returns when the asker ends
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    if sys.argv[1] == "kernel":
        if (found := ask("kernel", sys.argv[2:])) is not None:
            sys.exit(found)
        kind = sys.argv.pop(1)
    else:
        kind = serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:])
    module, main = _KINDS[kind]
    getattr(importlib.import_module(module), main)()
