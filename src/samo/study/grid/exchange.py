"""How code, inputs and results get into a folder: a clone of the working tree, over DVC's cache or a remote.

Machines without a shared disk exchange inputs and results through a DVC remote, stage by stage: `dvc pull` and `dvc
push` with `--run-cache` would go through the whole pipeline and run-cache at every call.
"""

import shutil
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from samo.study import store
from samo.study.errors import PipelineError
from samo.study.git import git
from samo.study.grid.plan import LockEntry, Locks, Plan, calm_dvc, opened

GIVEN = Path("data/given")  # brought by hand, so no stage's output: every clone uses the project's own


def make_clone(root: Path, clone: Path, cache: Path | None = None) -> None:
    """Clone `root` with its uncommitted changes, replacing what an earlier worker left in that place.

    Files that git ignores are not copied: a stage's inputs come from DVC's `cache`, by default the one of `root`.
    Raises GitError if git fails, and OSError if a file cannot be copied.
    """
    from dvc.repo import Repo

    shutil.rmtree(clone, ignore_errors=True)
    git(root, "clone", "--quiet", "--shared", "--no-checkout", str(root), str(clone))
    listed = git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for path in map(Path, filter(None, listed.split("\0"))):
        source = root / path
        ours = path.parts[0] == ".samo" or path.is_relative_to(GIVEN)
        if not ours and (source.is_file() or source.is_symlink()):
            (clone / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, clone / path, follow_symlinks=False)
    git(clone, "reset", "--quiet")  # to the last commit's index, so that `git status` shows what is not committed
    (root / GIVEN).mkdir(parents=True, exist_ok=True)
    (clone / GIVEN).parent.mkdir(parents=True, exist_ok=True)
    (clone / GIVEN).symlink_to(root / GIVEN, target_is_directory=True)
    if (local := root / ".dvc/config.local").is_file():  # the user's own remotes and credentials
        shutil.copy2(local, clone / ".dvc/config.local")
    configure(clone, cache or Path(Repo(str(root)).cache.local_cache_dir).absolute())


def configure(clone: Path, cache: Path, remote: str = "", settings: Mapping[str, Any] | None = None) -> None:
    """Configure a clone: the shared cache, its own notes of DVC, and the remote it works with."""
    from dvc.config import Config

    (clone / ".dvc/config.local").touch(0o600)  # it may hold credentials
    with Config(str(clone / ".dvc"), local_dvc_dir=str(clone / ".dvc")).edit("local") as config:
        config["cache"]["dir"] = str(cache)
        config["core"]["site_cache_dir"] = str(clone / ".dvc/tmp/site")
        if remote:
            config["core"]["remote"] = remote
            config["remote"][remote] = dict(settings or {})


def adopt(root: Path, made: Locks, lost: Collection[str], remote: str = "") -> None:
    """Check out the outputs of stages, record them in dvc.lock, and remove what earlier runs left of those `lost`.

    `dvc repro` would do the same through its run-cache, but rereads and rewrites dvc.lock for each stage. `remote` is
    where workers on other machines left the outputs; empty if they are in the cache. What is removed stays there.
    """
    with opened(root) as (_, stages):
        for name, entry in made.items():
            bring(stages[name], entry, remote)
            stages[name].ignore_outs()
        note([stages[name] for name, entry in made.items() if entry is not None])
        for name in stages.keys() & set(lost):  # params.yaml may have changed since
            stages[name].remove_outs(ignore_remove=False, force=False)


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


def bring(stage: Any, entry: LockEntry | None, remote: str) -> None:
    """Check out the outputs that a lock entry names; a DvcException if neither the cache nor the remote has them."""
    from dvc.stage.loader import StageLoader

    StageLoader.fill_from_lock(stage, entry)
    if remote:
        for objects in stage.get_used_objs(remote=remote).values():
            stage.repo.cloud.pull(objects, remote=remote)
    stage.checkout(force=True)


def push(stage: Any, remote: str) -> None:
    """Push a stage's outputs, then its run-cache entry, so that whoever finds the entry finds the outputs."""
    from dvc.exceptions import UploadError

    for objects in stage.get_used_objs(push=True).values():
        if failed := stage.repo.cloud.push(objects, remote=remote).failed:
            raise UploadError(len(failed))
    copy_run_cache(stage, remote, down=False)


def copy_run_cache(stage: Any, remote: str, down: bool) -> None:
    """Copy the run-cache's entries for a stage with the inputs that it knows: down from the remote, or up to it."""
    from dvc.fs import generic
    from dvc.stage.cache import _can_hash, _get_stage_hash

    if not _can_hash(stage):  # DVC keeps no run-cache for such a stage, for example `fetch`
        return
    key = _get_stage_hash(stage)
    here = stage.repo.cache.legacy
    there = stage.repo.cloud.get_remote_odb(remote, hash_name="md5-dos2unix")
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

    with opened(root) as (_, stages):
        for name in {need for stale in work.stale for need in work.needs[stale]} & work.locks.keys():
            StageLoader.fill_from_lock(stages[name], work.locks[name])
            push(stages[name], remote)
