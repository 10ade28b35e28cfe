"""Processes that begin with the libraries loaded: a server imports them once and forks for each stage and kernel.

torch, MLflow, pandas and papermill take about ten core-seconds to import, as much as many a stage has work. The grid
keeps one server for all its workers; `python -m samo.study` and the kernels that it starts ask it for a process (`ask`)
and stand for that process in every way: output, exit code, signals, and its end when they are killed. Where there is no
server, under a plain `dvc repro` say, they start as ever. The server never holds this project's own code: a stage
imports that from its own clone.
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
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

VARIABLE = "SAMO_WARM"
"""The variable that holds the server's socket."""

LOADED = (
    "ipykernel.kernelapp",
    "matplotlib.pyplot",
    "mlflow",
    "nbconvert",
    "pandas",
    "papermill",
    "pydantic",
    "scipy.stats",
    "seaborn",
    "torch",
    "torchjd.aggregation",
    "typer",
)
# glibc gives large blocks back to the system at once and pays page faults for each tensor; kept, they are free.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "4294967296"}
# Read while libraries are imported: a kernel's way of drawing, and that nobody but its client waits for it.
_KERNEL = {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "JPY_PARENT_PID": "1"}


class Server:
    """A server beside this process: `close` ends it, and so does this process's own end, however it comes."""

    def __init__(self, libraries: Sequence[str] = LOADED) -> None:
        self._libraries = libraries
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and let all that this process starts from now on find it."""
        if sys.platform != "linux":  # elsewhere a forked process may not use the system's libraries
            return
        path = Path(tempfile.mkdtemp(prefix="samo-")) / "socket"  # for this user alone; it must be short
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "samo.study.warm", str(listener.fileno()), *self._libraries],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                env={**os.environ, **KEEP_MEMORY, **_KERNEL},
                pass_fds=[listener.fileno()],
                start_new_session=True,  # a Ctrl-C is the grid's to answer
            )
        os.environ[VARIABLE] = str(path)

    def close(self) -> None:
        """End it, with what it started."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            shutil.rmtree(Path(os.environ.pop(VARIABLE)).parent, ignore_errors=True)


def ask(kind: str, arguments: list[str]) -> int | None:
    """Have the server run something in this process's place; its exit code, or None where there is no server.

    Args:
        kind: a key of `_KINDS`.
        arguments: of its command line.
    """
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
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _: _signal(child, number))
        answer = replies.readline()
    code = int(answer) if answer else 1
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code not in {signal.SIGKILL, signal.SIGSTOP} else None
        os.kill(os.getpid(), -code)
    return code


def _signal(child: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, number)


def serve(listener: socket.socket, libraries: Sequence[str]) -> str:
    """Fork for each request until stdin ends; a forked process returns what it is to be.

    The libraries are loaded with the first request: not every pipeline has a stage of this study.
    """
    loaded = False
    children: dict[int, socket.socket] = {}
    ended, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # what it started ends first, and in peace
    watched: list[Any] = [listener, ended, 0]
    while True:
        ready = select.select(watched, [], [])[0]
        if ended in ready:
            os.read(ended, 4096)
            _reap(children)
        if 0 in ready and not os.read(0, 1):
            for child in children:
                _signal(child, signal.SIGKILL)
            os._exit(0)
        if listener in ready and not loaded:
            _load(libraries)
            loaded = True
        if listener in ready and (kind := _accept(listener, children)):
            break
    for open_here in (listener, *children.values()):  # this is a forked process
        open_here.close()
    os.close(ended)
    os.close(wake)
    return kind


def _load(libraries: Sequence[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # this is no place where a person would see them
        for name in libraries:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what is loaded is shared for good: no collection touches its pages


def _reap(children: dict[int, socket.socket]) -> None:
    """Tell those who asked how their processes ended."""
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            connection = children.pop(found[0])
            with contextlib.suppress(OSError):
                connection.sendall(f"{os.waitstatus_to_exitcode(found[1])}\n".encode())
            connection.close()


def _accept(listener: socket.socket, children: dict[int, socket.socket]) -> str:
    """Fork for one request; in the forked process the kind that was asked for, in the server nothing."""
    connection, _ = listener.accept()
    _, files, _, _ = socket.recv_fds(connection, 1, 3)
    text = connection.makefile("r").readline()
    if len(files) != 3 or not text.endswith("\n"):  # who asked is gone
        connection.close()
        return ""
    child = os.fork()
    if child:
        children[child] = connection
        for number in files:
            os.close(number)
        with contextlib.suppress(OSError):
            connection.sendall(f"{child}\n".encode())
        return ""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    request = json.loads(text)
    _become(request, connection, files)
    return str(request["kind"])


def _become(request: dict[str, Any], connection: socket.socket, files: list[int]) -> None:
    """Take on the place of the process that asked: its files, folder, variables and arguments."""
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

    def watch() -> NoReturn:
        with contextlib.suppress(OSError):
            connection.recv(1)  # nothing more is ever sent: this is its end
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    threading.Thread(target=watch, daemon=True).start()


def _command_line() -> None:
    importlib.import_module("samo.study.cli").main()


def _kernel() -> None:
    importlib.import_module("ipykernel.kernelapp").launch_new_instance()


_KINDS: dict[str, Callable[[], None]] = {"command": _command_line, "kernel": _kernel}


if __name__ == "__main__":
    if sys.argv[1] == "kernel":
        if (found := ask("kernel", sys.argv[2:])) is not None:
            sys.exit(found)
        sys.argv[:] = sys.argv[1:]
        _kernel()
    else:
        _KINDS[serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:])]()
