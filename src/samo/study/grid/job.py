"""What the scheduler and the workers say to each other, on whichever machine the workers are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from samo.study.grid.progress import Event

LockEntry = dict[str, Any]
"""A stage's entry in dvc.lock: what it was made from and the hashes of what it made."""


@dataclass(frozen=True)
class Job:
    """One stage to bring up to date.

    Args:
        stage: its name in dvc.yaml.
        inputs: the stages whose outputs it reads, each with its entry in dvc.lock (None for a .dvc file,
            which is its own), from which a worker takes them out of the cache.
    """

    stage: str
    inputs: Mapping[str, LockEntry | None]


@dataclass(frozen=True)
class Done:
    """The end of a job.

    Args:
        stage: its name.
        ran: whether its command ran; else it was up to date or came out of the run-cache.
        lock: its entry in dvc.lock; None for a .dvc file.
        error: why it failed, in one line; empty where it did not.
        log: the file that holds what it printed.
    """

    stage: str
    ran: bool
    lock: LockEntry | None
    error: str
    log: Path


@dataclass(frozen=True)
class Progress:
    """Something a running stage reported."""

    stage: str
    event: Event


class Lent(NamedTuple):
    """What a worker needs that shares no disk with the project: it is given a clone of its own.

    Args:
        remote: the DVC remote from which it takes inputs, and where it leaves results.
        commit: the commit of the project at which its clone has to be, with no changes.
    """

    remote: str
    commit: str


class Pool(Protocol):
    """Workers that do jobs: processes on this machine, or actors on a cluster."""

    def idle(self) -> int:
        """How many jobs could start now."""

    def submit(self, job: Job) -> None:
        """Start a job on an idle worker."""

    def poll(self, timeout: float) -> Sequence[Progress | Done]:
        """What has happened since the last call, waited for at most `timeout` seconds."""

    def close(self) -> None:
        """End what still runs and leave nothing behind, within five seconds."""


Weight = Callable[[str], float]
"""How much work a stage is, in any unit: long ones start first, and the time left is measured in it."""
