"""A worker's own copy of the project: the working tree as it is now, over the same DVC cache."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from samo.study.git import git

WORKERS = Path(".samo/workers")
GIVEN = Path("data/given")  # brought by hand, so no stage's output: every clone uses the project's own


class RemoteClone(NamedTuple):
    """What a clone needs that shares no disk with the project."""

    remote: str  # the DVC remote from which its worker gets inputs and to which it sends results
    commit: str  # the commit of the project at which it has to be, with no changes


def make_clone(root: Path, clone: Path, cache: Path) -> None:
    """Clone `root` with its uncommitted changes, replacing what an earlier worker left in that place.

    Files that git ignores are not copied: a stage's inputs come from DVC's cache, a folder that all clones share.
    Raises GitError if git fails, and OSError if a file cannot be copied.
    """
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
    configure(clone, cache)


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
