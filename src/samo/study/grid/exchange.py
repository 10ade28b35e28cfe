"""How results get into the project: from DVC's cache, where workers left them, or from a remote."""

import shutil
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from samo.study import store
from samo.study.errors import PipelineError
from samo.study.grid.plan import LockEntry, Plan, calm_dvc, opened


def adopt(root: Path, made: Mapping[str, LockEntry | None], remote: str = "") -> None:
    """Check out the outputs of stages, and record them in dvc.lock, written once for all of them.

    `dvc repro` would do the same through its run-cache, but rereads and rewrites dvc.lock for each stage. `remote` is
    where workers on other machines left the outputs; empty if they are in the cache.
    """
    from dvc.stage.loader import StageLoader

    with opened(root) as (repo, stages):
        for name, entry in made.items():
            stage = stages[name]
            StageLoader.fill_from_lock(stage, entry)
            if remote:
                Exchange(repo, remote).pull(stage)
            stage.checkout(force=True)
            stage.ignore_outs()
        note([stages[name] for name, entry in made.items() if entry is not None])


def withdraw(root: Path, stages: Collection[str]) -> None:
    """Remove the outputs of stages that failed: an earlier run left them, with other settings.

    They stay in DVC's cache. `dvc repro` does the same before it runs a stage.
    """
    with opened(root) as (_, known):
        for name in known.keys() & set(stages):
            known[name].remove_outs(ignore_remove=False, force=False)


def note(stages: Sequence[Any]) -> None:
    """Write stages' entries into dvc.lock, whole or not at all: DVC itself writes in place."""
    from dvc.dvcfile import Lockfile

    if not stages:
        return
    [pipeline] = {stage.dvcfile.path for stage in stages}  # the project has one
    lock = Path(pipeline).with_suffix(".lock")
    with tempfile.TemporaryDirectory() as folder:
        beside = Path(folder) / lock.name
        if lock.exists():
            shutil.copyfile(lock, beside)
        Lockfile(stages[0].repo, str(beside)).dump_stages(stages)
        store.write_text(lock, beside.read_text())


class Exchange:
    """A DVC remote through which machines without a shared disk exchange inputs and results, stage by stage.

    `dvc pull` and `dvc push` with `--run-cache` would go through the whole pipeline and run-cache at every call.
    """

    def __init__(self, repo: Any, remote: str) -> None:
        self._repo, self._remote = repo, remote

    def pull(self, stage: Any) -> None:
        """Bring the outputs in the stage's lock entry into the cache; a DvcException if the remote lacks them."""
        for objects in stage.get_used_objs(remote=self._remote).values():
            self._repo.cloud.pull(objects, remote=self._remote)

    def recall(self, stage: Any) -> None:
        """Bring the run-cache's entries for this stage with its present inputs, which must be checked out."""
        stage.save_deps()
        self._copy(stage, down=True)

    def push(self, stage: Any) -> None:
        """Push a stage's outputs, then its run-cache entry, so that whoever finds the entry finds the outputs."""
        from dvc.exceptions import UploadError

        for objects in stage.get_used_objs(push=True).values():
            if failed := self._repo.cloud.push(objects, remote=self._remote).failed:
                raise UploadError(len(failed))
        self._copy(stage, down=False)

    def _copy(self, stage: Any, down: bool) -> None:
        from dvc.fs import generic
        from dvc.stage.cache import _can_hash, _get_stage_hash

        if not _can_hash(stage):  # DVC keeps no run-cache for such a stage, for example `fetch`
            return
        key = _get_stage_hash(stage)
        here = self._repo.cache.legacy
        there = self._repo.cloud.get_remote_odb(self._remote, hash_name="md5-dos2unix")
        source, target = (there, here) if down else (here, there)
        folder = source.fs.join(source.path, "runs", key[:2], key)
        for file in source.fs.find(folder) if source.fs.exists(folder) else ():
            goal = target.fs.join(target.path, "runs", key[:2], key, source.fs.name(file))
            if not target.fs.exists(goal):
                generic.copy(source.fs, file, target.fs, goal)


def settings(root: Path, remote: str) -> dict[str, Any]:
    """Address and credentials of a DVC remote; a PipelineError if there is none, or it cannot hold a run-cache."""
    from dvc.repo import Repo

    with calm_dvc():
        known = Repo(str(root)).config["remote"]
    if remote not in known:
        names = ", ".join(known) or "none"
        raise PipelineError(f"no DVC remote {remote!r} (there are: {names}): dvc remote add {remote} ADDRESS")
    if str(known[remote].get("url", "")).startswith("http"):
        raise PipelineError(f"the DVC remote {remote!r} is of HTTP, which cannot hold a run-cache: take another kind")
    return dict(known[remote])


def send_inputs(root: Path, work: Plan, remote: str) -> None:
    """Push to the remote the outputs of up-to-date stages that a plan's stale stages read."""
    from dvc.stage.loader import StageLoader

    needed = {need for name in work.stale for need in work.needs[name] if need in work.locks}
    with opened(root) as (repo, stages):
        for name in needed:
            StageLoader.fill_from_lock(stages[name], work.locks[name])
            Exchange(repo, remote).push(stages[name])
