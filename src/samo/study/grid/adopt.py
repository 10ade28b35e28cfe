"""Taking what the workers made into the project."""

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from samo.study import store
from samo.study.grid.plan import LockEntry, opened
from samo.study.grid.remote import Exchange


def adopt(root: Path, made: Mapping[str, LockEntry | None], remote: str = "") -> None:
    """Check out outputs that lie in the cache or in a remote, and note them in dvc.lock, written once for all of them.

    `dvc repro` would come to the same through its run-cache, but reads and writes dvc.lock anew for each stage.

    Args:
        root: the project's folder.
        made: stages, each with its entry for dvc.lock.
        remote: the DVC remote in which workers on other machines left them; none where they are in the cache.

    Raises:
        PipelineError: if DVC cannot, or is at work in `root`.
    """
    from dvc.stage.loader import StageLoader

    with opened(root) as (repo, stages):
        noted: dict[Any, list[Any]] = defaultdict(list)
        for name, entry in made.items():
            stage = stages[name]
            StageLoader.fill_from_lock(stage, entry)
            if remote:
                Exchange(repo, remote).pull(stage)
            stage.checkout(force=True)
            stage.ignore_outs()
            if entry is not None:
                noted[stage.dvcfile].append(stage)
        for file, changed in noted.items():
            note(file, changed)


def withdraw(root: Path, stages: Collection[str]) -> None:
    """Remove the outputs of stages that failed: what an earlier run left is not of these settings.

    They stay in DVC's cache. `dvc repro` does the same before it runs a stage.

    Raises:
        PipelineError: if DVC is at work in `root`.
    """
    with opened(root) as (_, known):
        for name in known.keys() & set(stages):
            known[name].remove_outs(ignore_remove=False, force=False)


def note(file: Any, stages: Sequence[Any]) -> None:
    """Write stages' entries into the dvc.lock beside a dvc.yaml, whole or not at all: DVC would write into it."""
    from dvc.dvcfile import Lockfile

    lock = Path(file.path).with_suffix(".lock")
    with tempfile.TemporaryDirectory() as folder:
        beside = Path(folder) / lock.name
        if lock.exists():
            shutil.copyfile(lock, beside)
        Lockfile(file.repo, str(beside)).dump_stages(stages)
        store.write_text(lock, beside.read_text())
