"""`python -m samo.study.runs.rank DATASET METHOD FOLDER [INTO]`: one of the processes that train a cell together.

All run the same search and the same trainings in lockstep, each on its own share of every batch; the first alone
writes. `samo.study.runs.launch` starts them and says by RANK and WORLD_SIZE who is who.
"""

import json
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from samo.optim.process_group import Ranks
from samo.study import config, store
from samo.study.grid.stopping import stopping
from samo.study.runs import cell, launch, place
from samo.training.loop import DivergedError

PATIENCE = timedelta(minutes=30)
"""How long a rank waits for the others, which a slow disk or MLflow may keep."""
ORPHANED = 0.3
"""Seconds within which a killed parent is seen to be gone."""


def main(dataset: str, method: str, folder: Path, into: Path | None = None) -> None:
    """Train; the first rank leaves in the folder what `train_cell` gives, or why the training diverged."""
    threading.Thread(target=_leave_with_the_parent, args=(os.getppid(), folder), daemon=True).start()
    number, params = int(os.environ["RANK"]), config.load()
    device = place.device(params.train, number)
    with stopping(), joined(folder, number, params.train.processes, device) as ranks:
        answer: dict[str, Any]
        try:
            here = place.Place(device, ranks, params.train.sync_batchnorm)
            answer = asdict(cell.train_here(dataset, method, into, here))
        except DivergedError as error:  # on all ranks alike
            answer = {"diverged": str(error)}
    if number == 0:
        store.write_text(folder / launch.ANSWER, json.dumps(answer))


@contextmanager
def joined(folder: Path, number: int, processes: int, device: torch.device) -> Iterator[Ranks]:
    """The ranks that meet in a file of this folder: over NCCL on GPUs, else over gloo."""
    if device.type == "cuda":
        torch.cuda.set_device(device)
    distributed.init_process_group(
        "nccl" if device.type == "cuda" else "gloo",
        init_method=(folder / "meet").as_uri(),
        rank=number,
        world_size=processes,
        timeout=PATIENCE,
    )
    yield Ranks(distributed.group.WORLD)
    # Not where something was raised: it might wait for the others.
    distributed.destroy_process_group()


def _leave_with_the_parent(parent: int, folder: Path) -> None:
    """End where the parent closes this process's input, as it does when it is killed, too.

    As Ctrl-C would, so that MLflow hears of it; by force where this process waits for a rank that has gone.
    """
    while os.read(0, 1):  # not sys.stdin: its lock may not be held when Python ends
        pass
    # A process that is killed closes its files first, and leaves its children to another a moment later.
    deadline = time.monotonic() + ORPHANED
    while (there := os.getppid() == parent) and time.monotonic() < deadline:
        time.sleep(0.01)
    if not there:
        shutil.rmtree(folder, ignore_errors=True)  # nobody else is left to do it
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(launch.GRACE / 2)
    os._exit(130)


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2], *map(Path, sys.argv[3:]))
    # Not sys.exit: what a group leaves behind may wait for the others.
    except KeyboardInterrupt:
        os._exit(130)
    except Exception as error:
        traceback.print_exc()
        print(f"{type(error).__name__}: {' '.join(str(error).split())}", flush=True)  # what the parent tells
        os._exit(1)
