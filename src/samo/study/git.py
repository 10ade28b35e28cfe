"""What the study asks of git: one call, the id of a folder's content, and a commit that travels as bytes.

Nothing but the standard library: a worker on another machine needs this before it has the study's code.
"""

import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

NOTES = ("dvc.lock", ".gitignore")
"""Files, at any depth, in which DVC records what was run: a condition is not made from them."""


class GitError(RuntimeError):
    """git is not there, or a call of it failed; the message is one line."""


def git(folder: Path, *arguments: str, **environment: str) -> str:
    """What git prints when called in a folder with these variables set; a GitError if it fails."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)
    except FileNotFoundError:
        raise GitError("git is not installed") from None
    if done.returncode != 0:
        raise GitError(f"git {arguments[0]} failed in {folder}: {' '.join(done.stderr.split())}")
    return done.stdout


def tree(folder: Path) -> str:
    """Git's id of a folder's present content, committed or not; "missing" if there is none.

    It has 40 hexadecimal digits, from which `git log --find-object` finds the commits. What git never tracks is left
    out. The project's own repository, if there is one, is neither read nor written.
    """
    if not folder.is_dir():
        return "missing"
    with tempfile.TemporaryDirectory() as place:
        git(Path(place), "init", "--quiet", "--bare", "--object-format=sha1")
        variables = {"GIT_DIR": place, "GIT_WORK_TREE": str(folder.resolve()), "GIT_INDEX_FILE": f"{place}/index"}
        untracked = [f":(exclude,glob)**/{name}" for name in ("__pycache__/**", ".ipynb_checkpoints/**", "*.pyc")]
        git(folder, "add", "--all", "--force", "--", ".", *untracked, **variables)
        return git(folder, "write-tree", **variables).strip()


def pack(root: Path) -> tuple[str, bytes]:
    """The commit of `root` and a bundle that holds it."""
    commit = git(root, "rev-parse", "HEAD").strip()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bundle"
        git(root, "bundle", "create", "--quiet", str(file), "HEAD")
        return commit, file.read_bytes()


def unpack(commit: str, bundle: bytes, folder: Path) -> None:
    """Make `folder`, which must not exist yet, a clone at `commit`."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as beside:
        file = Path(beside) / "bundle"
        file.write_bytes(bundle)
        git(folder.parent, "clone", "--quiet", "--no-checkout", str(file), str(folder))
    git(folder, "checkout", "--quiet", "--detach", commit)
    check(folder, commit)


def check(folder: Path, commit: str) -> None:
    """Raise a GitError, with what differs in one line, if a clone is not at `commit` or has changes."""
    if (found := git(folder, "rev-parse", "HEAD").strip()) != commit:
        raise GitError(f"the clone is at commit {found[:10]}, not at {commit[:10]}")
    if names := changes(folder):
        raise GitError(f"the clone has changes of its own: {some(names)}")


def changes(folder: Path, ignore: Callable[[Path], bool] = lambda _: False) -> list[str]:
    """Files, relative to `folder`, that differ from its commit or are not in it, except DVC's notes and `ignore`."""
    listed = git(folder, "status", "--porcelain", "-z", "--untracked-files=all", "--no-renames")
    names = [line[3:] for line in listed.split("\0") if line]
    return [name for name in names if Path(name).name not in NOTES and not ignore(Path(name))]


def some(names: list[str]) -> str:
    """The first three of some names, and how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
