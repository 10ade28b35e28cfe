"""What an interrupted condition resumes from: states of its trainings, unseen by DVC, deleted when it is done."""

import contextlib
import hashlib
import json
import os
import shutil
import time
import warnings
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
import yaml

from samo.optim.process_group import ALONE, Ranks
from samo.study import store

SECONDS = "SAMO_CHECKPOINT_SECONDS"
EVERY = 10.0
"""Seconds between two writes, at least; `SAMO_CHECKPOINT_SECONDS` says otherwise."""
SHARE = 0.01
"""The share of time that writing may take: after a slow write the next one waits longer."""
HEAD = 4096
"""The most bytes of a file's first line."""


class Checkpoints:
    """The kept states of one condition, a file each: a line of JSON saying what it belongs to, then `torch.save` data.

    `made_from` has, by name, the digests of everything that the condition's bytes depend on. All `ranks` resume from
    the files; only the first writes and removes them. Nothing else is in the folder.
    """

    def __init__(self, folder: Path, made_from: Mapping[str, str], device: torch.device, ranks: Ranks = ALONE) -> None:
        self._folder, self._made_from, self._device, self._ranks = folder, dict(made_from), device, ranks
        given = os.environ.get(SECONDS)
        self._every, self._share = (EVERY, SHARE) if given is None else (float(given), 1.0)
        self._next = time.monotonic() + self._every

    def read(self, name: str) -> Any:
        """What was kept under a name; None if nothing was, or, with a warning, if it may not be used."""
        found = self._found(name)
        # Either all ranks resume, or none does.
        return None if any(self._ranks.anywhere([found is None], self._device)) else found

    def _found(self, name: str) -> Any:
        try:
            with self._path(name).open("rb") as stream:
                head, payload = stream.readline(HEAD), stream.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            return self.refuse(name, error.strerror or str(error))
        try:
            said = json.loads(head)
            made_from, digest = dict(said["made_from"]), said["sha256"]
        except (ValueError, KeyError, TypeError):
            return self.refuse(name, "it is no checkpoint of this study")
        if made_from != self._made_from:
            other = [key for key in self._made_from if made_from.get(key) != self._made_from[key]]
            return self.refuse(name, f"it is of other {' and '.join(other) or 'things'}")
        if hashlib.sha256(payload).hexdigest() != digest:
            return self.refuse(name, "it is cut or was changed")
        try:
            with warnings.catch_warnings(action="ignore"):  # torch's own, on what it refuses to read
                # Only tensors and plain values, so that no code in a file can run.
                return torch.load(BytesIO(payload), map_location=self._device, weights_only=True)
        except Exception as error:  # a file may hold anything
            return self.refuse(name, f"it cannot be read ({type(error).__name__})")

    def refuse(self, name: str, reason: str) -> None:
        """Warn why what was kept under a name is not used, and remove it."""
        warnings.warn(f"{self._path(name)}: {reason}; not used, this part starts anew", stacklevel=3)
        self.drop(name)

    def write(self, name: str, make: Callable[[], Any]) -> bool:
        """Keep what `make` returns, if the last write is long enough ago; returns whether it was kept.

        A full disk is no reason to stop a training: it is warned about once, and nothing more is kept.
        """
        begun = time.monotonic()
        if begun < self._next or self._ranks.number:
            return False
        buffer = BytesIO()
        torch.save(make(), buffer)
        payload = buffer.getbuffer()
        head = {"made_from": self._made_from, "sha256": hashlib.sha256(payload).hexdigest()}
        try:
            with store.whole_file(self._path(name)) as stream:
                stream.write(json.dumps(head).encode() + b"\n")
                stream.write(payload)
        except OSError as error:
            self._next = float("inf")
            warnings.warn(f"no checkpoint in {self._folder}: {error.strerror}; training goes on without", stacklevel=2)
            return False
        end = time.monotonic()
        self._next = end + max(self._every, (end - begun) * (1 / self._share - 1))
        return True

    def drop(self, name: str) -> None:
        """Remove what is kept under a name."""
        if not self._ranks.number:
            with contextlib.suppress(OSError):  # in a read-only folder it stays, to be refused again
                self._path(name).unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove all states of the condition, which is done."""
        if not self._ranks.number:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.pt"


def made_from(root: Path, dataset: str, settings: Mapping[str, Any]) -> dict[str, str]:
    """Digests of all that a condition's bytes depend on: `settings`, and the files on which the stage `train` depends.

    Those are read from dvc.yaml, so that the two cannot disagree.
    """
    data, code = hashlib.sha256(), hashlib.sha256()
    for given in yaml.safe_load((root / "dvc.yaml").read_text())["stages"]["train"]["deps"]:
        name = given.replace("${item.dataset}", dataset)
        path, into = root / name, data if name.startswith("data/") else code
        for file in sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]:
            if "__pycache__" not in file.parts:
                into.update(f"{file.relative_to(root).as_posix()} {store.digest(file)}\n".encode())
    params = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    return {"params": params.hexdigest(), "data": data.hexdigest(), "code": code.hexdigest()}
