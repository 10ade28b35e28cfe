"""What an interrupted condition resumes from: states of its trainings, unseen by DVC, deleted when it is done."""

import contextlib
import hashlib
import json
import os
import shutil
import time
import warnings
import zipfile
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


class Checkpoints:
    """The kept states of one condition, a file of `torch.save` each, which also says what it belongs to.

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
        path = self._path(name)
        try:
            with zipfile.ZipFile(path) as parts, warnings.catch_warnings(action="ignore"):
                if parts.testzip():  # torch does not look at the checksums that it writes
                    raise ValueError("a wrong checksum")
                # Only tensors and plain values, so that no code in a file can run.
                kept = torch.load(path, map_location=self._device, weights_only=True)
            made_from, state = dict(kept["made_from"]), kept["state"]
        except FileNotFoundError:
            return None
        except Exception as error:  # a file may hold anything
            return self.refuse(name, f"it cannot be read ({type(error).__name__})")
        if made_from != self._made_from:
            other = [key for key in self._made_from if made_from.get(key) != self._made_from[key]]
            return self.refuse(name, f"it is of other {' and '.join(other) or 'things'}")
        return state

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
        content = BytesIO()
        torch.save({"made_from": self._made_from, "state": make()}, content)
        try:
            with store.whole_file(self._path(name)) as stream:
                stream.write(content.getbuffer())
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
    parts: dict[str, Any] = {"params": settings, "data": {}, "code": {}}
    for given in yaml.safe_load((root / "dvc.yaml").read_text())["stages"]["train"]["deps"]:
        path = root / given.replace("${item.dataset}", dataset)
        part = parts["data" if given.startswith("data/") else "code"]
        for file in path.rglob("*") if path.is_dir() else [path]:
            if file == path or (file.is_file() and "__pycache__" not in file.parts):
                part[str(file.relative_to(root))] = store.digest(file)
    return {name: hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest() for name, part in parts.items()}
