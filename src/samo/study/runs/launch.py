"""Starts the processes that train one cell together, and ends all of them, however it comes to its end.

They are what torchrun would start, on this machine alone and with its names for who is who. torchrun itself is not
used: its ranks meet over a port that is open to other machines. These meet in a file, and talk over the loopback.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import samo
from samo.study.errors import RankError
from samo.study.grid.progress import VARIABLE

ANSWER = "answer.json"
"""What the first rank writes into the folder where they meet."""
GRACE = 2.0
"""Seconds that a rank gets to end by itself."""
LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"


def together(dataset: str, method: str, processes: int, into: Path | None) -> Any:
    """Train a cell over so many processes; gives what the first of them answers (`samo.study.runs.rank`).

    What that one wrote on its standard streams (warnings, say) is written to this process's stderr at the end.

    Raises:
        RankError: one of them failed or was killed; the others are ended, and none is left.
    """
    with tempfile.TemporaryDirectory(prefix="samo-ranks-") as place, ExitStack() as after:
        folder, ranks = Path(place), list[subprocess.Popen[bytes]]()
        after.callback(lambda: print(_said(folder, 0), end="", file=sys.stderr))
        after.callback(_end, ranks)  # the last in is the first out
        for number in range(processes):
            ranks.append(_start(dataset, method, number, processes, folder, into))
        _wait(ranks, folder)
        return json.loads((folder / ANSWER).read_text())


def _start(
    dataset: str, method: str, number: int, processes: int, folder: Path, into: Path | None
) -> subprocess.Popen[bytes]:
    names = {"RANK": number, "LOCAL_RANK": number, "WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes}
    environment = os.environ | {name: str(value) for name, value in names.items()}
    environment |= dict.fromkeys(("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"), LOOPBACK)
    own = str(Path(samo.__file__).parents[2])  # in a worker's clone, that clone's code
    environment["PYTHONPATH"] = os.pathsep.join([own, *filter(None, [os.environ.get("PYTHONPATH")])])
    if number:
        environment.pop(VARIABLE, None)  # one of them says where the cell is
    command = [
        sys.executable,
        "-m",
        "samo.study.runs.rank",
        dataset,
        method,
        str(folder),
        *([str(into)] if into else []),
    ]
    with _words(folder, number).open("wb") as words:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # it ends with this process, which is how a rank sees that it is alone
            stdout=words,
            stderr=words,
            env=environment,
            start_new_session=True,  # a Ctrl-C is this process's to answer
        )


def _wait(ranks: list[subprocess.Popen[bytes]], folder: Path) -> None:
    """Until all have ended well.

    Raises:
        RankError: one has not. The others would wait for it, some of them for ever.
    """
    while True:
        codes = [rank.poll() for rank in ranks]
        failed = [number for number, code in enumerate(codes) if code]
        if failed:
            # A rank that was killed takes others with it, which then fail of that.
            first = min(failed, key=lambda number: codes[number] or 0)
            raise RankError(f"process {first} of {len(ranks)} {_ending(codes[first] or 0, _said(folder, first))}")
        if all(code == 0 for code in codes):
            return
        time.sleep(0.05)


def _ending(code: int, said: str) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}" + (", out of memory?" if code == -signal.SIGKILL else "")
    lines = said.split("\n")
    return "failed: " + next((line for line in reversed(lines) if line.strip()), f"exit status {code}")


def _end(ranks: list[subprocess.Popen[bytes]]) -> None:
    """Let all of them end what they do, and kill what is still there after `GRACE` seconds."""
    for rank in ranks:
        if rank.stdin is not None:
            rank.stdin.close()
    deadline = time.monotonic() + GRACE
    for rank in ranks:
        try:
            rank.wait(max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            rank.kill()
            rank.wait()


def _said(folder: Path, number: int) -> str:
    path = _words(folder, number)
    return path.read_text(errors="replace") if path.exists() else ""


def _words(folder: Path, number: int) -> Path:
    return folder / f"{number}.log"
