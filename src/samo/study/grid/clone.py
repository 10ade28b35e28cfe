"""A worker's own copy of the project: the working tree as it is now, over the same DVC cache."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from samo.study.git import git

WORKERS = Path(".samo/workers")
SHARED = (Path("data/given"),)
"""Folders that are no stage's outputs, which every clone sees as the project's own."""


class RemoteClone(NamedTuple):
    """What a worker needs to know whose folder is a clone that shares no disk with the project.

    Args:
        remote: the DVC remote from which it takes inputs, and where it leaves results.
        commit: the commit of the project at which the clone has to be, with no changes.
    """

    remote: str
    commit: str


def make_clone(root: Path, clone: Path, cache: Path) -> None:
    """Clone `root` with its uncommitted changes; what an earlier worker left at that place goes.

    Files that git ignores stay behind: a stage's inputs come out of DVC's cache.

    Args:
        root: the project's folder, the top of a git work tree.
        clone: where to.
        cache: DVC's cache folder, shared by all.

    Raises:
        GitError: git fails.
        OSError: a file cannot be copied.
    """
    if clone.exists():
        shutil.rmtree(clone)
    clone.parent.mkdir(parents=True, exist_ok=True)
    git(root, "clone", "--quiet", "--shared", "--no-checkout", str(root), str(clone))
    listed = git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for path in map(Path, filter(None, listed.split("\0"))):
        source = root / path
        if _own(path) or not (source.is_file() or source.is_symlink()):
            continue
        (clone / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, clone / path, follow_symlinks=False)
    git(clone, "reset", "--quiet")  # the index of the last commit: `git status` tells what is not committed
    for path in SHARED:
        (root / path).mkdir(parents=True, exist_ok=True)
        (clone / path).parent.mkdir(parents=True, exist_ok=True)
        (clone / path).symlink_to(root / path, target_is_directory=True)
    local = root / ".dvc" / "config.local"
    if local.is_file():  # the person's own remotes and credentials
        shutil.copy2(local, clone / ".dvc" / "config.local")
    configure(clone, cache)


def _own(path: Path) -> bool:
    return path.parts[0] == ".samo" or any(path.is_relative_to(shared) for shared in SHARED)


def configure(clone: Path, cache: Path, remote: str = "", settings: Mapping[str, Any] | None = None) -> None:
    """Set the shared cache, DVC's notes inside the clone, and the remote that it works with, if any.

    Args:
        clone: the clone.
        cache: DVC's cache folder.
        remote: the name of the remote.
        settings: its settings: address and credentials.
    """
    from dvc.config import Config

    local = clone / ".dvc" / "config.local"
    local.touch(0o600)  # it may hold credentials
    with Config(str(clone / ".dvc"), local_dvc_dir=str(clone / ".dvc")).edit("local") as config:
        config["cache"]["dir"] = str(cache)
        config["core"]["site_cache_dir"] = str(clone / ".dvc" / "tmp" / "site")
        if remote:
            config["core"]["remote"] = remote
            config["remote"][remote] = dict(settings or {})
