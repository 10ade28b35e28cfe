"""The processes that train one condition together, each on its own share of every batch, on this machine alone.

They meet in a file and talk over the loopback; torchrun's would meet at a port that is open to other machines. All run
the same search and the same trainings in lockstep; only the first writes.
"""

import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

import torch
from psutil import Process
from torch import distributed
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException, start_processes

from samo.optim.process_group import Ranks
from samo.study import config, progress, store
from samo.study.config.conditions import Condition
from samo.study.config.params import Train
from samo.study.errors import ConfigError, RankError
from samo.study.processes import GRACE, end, stopping
from samo.training.loop import DivergedError

PATIENCE = timedelta(minutes=30)
"""How long a rank waits for the others, which a slow disk or MLflow may delay."""
LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"


def device(train: Train, number: int = 0) -> torch.device:
    """The device of a condition's process `number`, counted from 0; of several each gets a GPU (`Train.processes`).

    Raises:
        ConfigError: this machine has no such device, or fewer GPUs than there are processes.
    """
    if train.processes == 1:
        return config.device(train.device)
    if train.device == "cpu" or (train.device == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if (there := torch.cuda.device_count()) < train.processes:
        raise ConfigError(
            f"params.yaml: train.processes = {train.processes}: each takes a GPU of its own, and this machine has "
            f"{there}; take no more than that, or device: cpu"
        )
    return torch.device("cuda", number)


def together(own: Condition, processes: int) -> dict[str, Any]:
    """Train a condition with several processes; returns the fields of the first one's `Result`.

    What the first wrote to its standard streams (such as warnings) goes to this process's stderr at the end.

    Raises:
        DivergedError: in all of them.
        RankError: one of them failed or was killed; the others are ended, and none is left.
    """
    with stopping(), tempfile.TemporaryDirectory(prefix="samo-ranks-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        ranks = start_processes(_train, (own, folder, processes), nprocs=processes, join=False, daemon=True)  # type: ignore[no-untyped-call]
        try:
            while not ranks.join(grace_period=GRACE):
                pass
        except ProcessExitedException as error:
            told = error.signal_name or f"exit status {error.exit_code}"
            told += ", out of memory?" if told == "SIGKILL" else ""
            raise RankError(f"process {error.error_index} of {processes} was ended by {told}") from None
        except ProcessRaisedException as error:
            last = error.msg.strip().splitlines()[-1]
            raise RankError(f"process {error.error_index} of {processes} failed: {last}") from None
        finally:
            end([Process(rank.pid) for rank in ranks.processes if rank.is_alive()])
            if (said := folder / "0.log").exists():
                print(said.read_text(errors="replace"), end="", file=sys.stderr)
        if not (answer := folder / "answer.json").exists():  # the first process was asked to end, and did
            raise RankError(f"process 0 of {processes} was ended before it was done")
        found: dict[str, Any] = json.loads(answer.read_text())
        if "diverged" in found:
            raise DivergedError(found["diverged"])
        return found


def _train(number: int, own: Condition, folder: Path, processes: int) -> None:
    """What one of the processes does."""
    threading.Thread(target=_leave_with_the_parent, args=(folder,), daemon=True).start()
    os.environ |= dict.fromkeys(("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"), LOOPBACK)
    with (folder / f"{number}.log").open("wb") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    from samo.study.runs import condition  # which imports this module

    if number:
        os.environ.pop(progress.VARIABLE, None)  # only the first reports progress
    train = config.load().train
    try:
        with stopping(), joined(folder, number, processes, device(train, number)) as group:
            try:
                answer = asdict(condition.train_condition(own.dataset, own.method, group))
            except DivergedError as error:  # the same in all processes
                answer = {"diverged": str(error)}
    except KeyboardInterrupt:  # raised also when the parent was killed
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if number == 0:
        store.write_text(folder / "answer.json", json.dumps(answer))


@contextlib.contextmanager
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
    # Not if something was raised: this might wait for the others.
    distributed.destroy_process_group()


def _leave_with_the_parent(folder: Path) -> None:
    """End when the parent is killed: as by Ctrl-C, so that MLflow hears of it; then by force.

    Force is needed since this process may be waiting for one that is gone.
    """
    parent = parent_process()
    if parent is not None:
        parent.join()
        shutil.rmtree(folder, ignore_errors=True)  # nobody else is left to do it
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(GRACE / 2)
        os._exit(130)
