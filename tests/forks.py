"""Processes that begin as copies of the test's own: a new interpreter would import torch for seconds."""

import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import distributed
from torch.multiprocessing.spawn import start_processes

from samo.study.runs.ranks import joined

START = "fork" if sys.platform == "linux" else "spawn"
"""How processes that train together are started, where it is not their start that is tested."""
RANKS = 2


def on_ranks(work: Callable[[distributed.ProcessGroup, Path], Any], folder: Path) -> list[Any]:
    """What each of two processes in one group finds, as one thread of a module's function that may use the folder."""
    start_processes(_one_rank, (work, folder), nprocs=RANKS, start_method=START)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(RANKS)]


def _one_rank(rank: int, work: Callable[[distributed.ProcessGroup, Path], Any], folder: Path) -> None:
    torch.set_num_threads(1)
    with joined(folder, rank, RANKS, torch.device("cpu")) as ranks:
        assert ranks.group is not None
        torch.save(work(ranks.group, folder), folder / f"{rank}.pt")


def forked(do: Callable[[], object]) -> int:
    """The number of a process that does it, and ends with exit status 0 where nothing was raised, else 1."""
    if pid := os.fork():
        return pid
    try:
        do()
        os._exit(0)  # nothing of pytest's happens twice
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def ended(pid: int) -> int:
    """Waits for a forked process; its exit status, or the negative number of the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def wait_for(what: Callable[..., Any], seconds: float = 60) -> Any:
    """Waits until something is true; what it is then."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
    return found
