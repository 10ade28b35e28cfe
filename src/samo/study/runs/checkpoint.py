"""What an interrupted condition goes on from: states of its trainings, outside DVC's sight, gone when it is done."""

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

from samo.optim.process_group import ALONE, Ranks
from samo.study import store

SECONDS = "SAMO_CHECKPOINT_SECONDS"
EVERY = 10.0
"""Seconds between two writes, at least; `SAMO_CHECKPOINT_SECONDS` says otherwise."""
SHARE = 0.01
"""What writing may take of the time: after one that took long the next one waits."""
HEAD = 4096
"""The most bytes of a file's first line."""


class Checkpoints:
    """The kept states of one condition, each a file: a line of JSON with what it is of, and what `torch.save` wrote.

    The folder is theirs alone; `made_from` has the digests of everything that the condition's bytes depend on, by name.
    Of several `ranks` all go on from the files; the first alone writes and removes them.
    """

    def __init__(self, folder: Path, made_from: Mapping[str, str], device: torch.device, ranks: Ranks = ALONE) -> None:
        self._folder, self._made_from, self._device, self._ranks = folder, dict(made_from), device, ranks
        given = os.environ.get(SECONDS)
        self._every, self._share = (EVERY, SHARE) if given is None else (float(given), 1.0)
        self._next = time.monotonic() + self._every

    def read(self, name: str) -> Any:
        """What was kept under a name; None where nothing was, or, with a warning, nothing that may be used."""
        found = self._found(name)
        # All ranks go on, or none does.
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
            with warnings.catch_warnings(action="ignore"):  # torch's own on what it will not read
                # Only tensors and plain values: nothing in a file gets to run.
                return torch.load(BytesIO(payload), map_location=self._device, weights_only=True)
        except Exception as error:  # whatever a file may hold
            return self.refuse(name, f"it cannot be read ({type(error).__name__})")

    def refuse(self, name: str, reason: str) -> None:
        """Say why what lies under a name is not used, and remove it."""
        warnings.warn(f"{self._path(name)}: {reason}; not used, this part starts anew", stacklevel=3)
        self.drop(name)

    def write(self, name: str, make: Callable[[], Any]) -> bool:
        """Keep what `make` gives, if the last write is long enough ago; says whether it is kept now.

        A disk that is full is no reason to stop a training: that is said once, and nothing is kept any more.
        """
        begun = time.monotonic()
        if begun < self._next or self._ranks.number:
            return False
        payload = BytesIO()
        torch.save(make(), payload)
        bare = payload.getbuffer()
        head = {"made_from": self._made_from, "sha256": hashlib.sha256(bare).hexdigest()}
        try:
            with store.whole_file(self._path(name)) as stream:
                stream.write(json.dumps(head).encode() + b"\n")
                stream.write(bare)
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
            with contextlib.suppress(OSError):  # in a read-only folder it stays, and is refused again
                self._path(name).unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove all of the condition's: it is done."""
        if not self._ranks.number:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.pt"


def made_from(root: Path, dataset: str, settings: Mapping[str, Any]) -> dict[str, str]:
    """Digests of all that a condition's bytes depend on.

    Data and code are the files that dvc.yaml names as what the stage `train` depends on, so that the two cannot
    disagree; `settings` are its part of params.yaml, the device and versions, as JSON takes them.
    """
    import yaml

    data, code = hashlib.sha256(), hashlib.sha256()
    for given in yaml.safe_load((root / "dvc.yaml").read_text())["stages"]["train"]["deps"]:
        name = given.replace("${item.dataset}", dataset)
        path, into = root / name, data if name.startswith("data/") else code
        for file in sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]:
            if "__pycache__" not in file.parts:
                into.update(f"{file.relative_to(root).as_posix()} {store.digest(file)}\n".encode())
    params = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    return {"params": params.hexdigest(), "data": data.hexdigest(), "code": code.hexdigest()}
