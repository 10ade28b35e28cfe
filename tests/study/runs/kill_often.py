"""Starts what it then kills. Each attempt is a fork, which costs no import; whatever does not hold is an error."""

import hashlib
import os
import random
import shutil
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from samo.datasets.parts.sources import RawFile
from samo.study.data import fetch, prepare
from samo.study.runs.condition import train_condition

RAW = b"raw bytes " * 2_000_000


@dataclass(frozen=True)
class Victim:
    """What is killed: `do` makes these files and folders."""

    name: str
    do: Callable[[], object]
    makes: tuple[Path, ...]

    def content(self) -> list[dict[str, str] | None]:
        """Each output's files with their digests; None for one that is not there."""
        return [_digests(path) if path.exists() else None for path in self.makes]

    def undo(self) -> None:
        """Take the outputs away, as DVC does before it runs a stage."""
        for path in self.makes:
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def kill(self, times: int, rng: random.Random) -> None:
        """Kill it so often, at random moments of its whole time, and see that it ends with the same bytes."""
        began = time.monotonic()
        assert attempt(self.do, 600)
        took, whole = time.monotonic() - began, self.content()
        assert None not in whole
        self.undo()
        killed = 0
        while killed < times:
            if attempt(self.do, rng.uniform(0, took)):
                assert self.content() == whole, f"{self.name}: other bytes"
                self.undo()
                continue
            killed += 1
            for found, wanted in zip(self.content(), whole, strict=True):
                assert found in (None, wanted), f"{self.name}: half an output"
        assert attempt(self.do, 600)
        assert self.content() == whole, f"{self.name}: other bytes at the end"
        print(f"{self.name}: {killed} kills, {took:.2f} s each", flush=True)


def attempt(do: Callable[[], object], seconds: float) -> bool:
    """Do it in a fork, and kill that after so many seconds; says whether it had ended by itself, and well."""
    pid = os.fork()
    if pid == 0:
        try:
            do()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            assert status == 0, "it failed"
            return True
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return False


def _digests(path: Path) -> dict[str, str]:
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def main(study: Path, conditions: int, prepares: int, fetches: int) -> None:
    # Before the forks: no attempt is to spend its time on these.
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401
    from sqlalchemy.orm import configure_mappers

    configure_mappers()
    torch.use_deterministic_algorithms(True, warn_only=True)

    given, data = study / "given", study / "data"
    given.mkdir()
    (given / "file.bin").write_bytes(RAW)
    raw = RawFile("file.bin", hashlib.sha256(RAW).hexdigest(), len(RAW), ())
    condition = [data / kind / "multimnist/ls" for kind in ("runs", "models")]
    victims = (
        (Victim("condition", lambda: train_condition("multimnist", "ls"), tuple(condition)), conditions),
        (Victim("prepare", lambda: prepare.prepare("scenes"), (data / "prepared/scenes",)), prepares),
        (
            Victim(
                "fetch",
                lambda: fetch.fetch((raw,), data / "raw/made", given, lambda _: None),
                (data / "raw/made/file.bin",),
            ),
            fetches,
        ),
    )
    rng = random.Random(7)
    for victim, times in victims:
        victim.kill(times, rng)
