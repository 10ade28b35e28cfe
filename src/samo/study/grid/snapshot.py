"""A commit as bytes, to be worked on where no file is shared, and the check that a clone still is that commit.

Nothing but the standard library: a worker needs this before it has the study's code.
"""

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

NOTES = ("dvc.lock", ".gitignore")
"""Files at any depth in which DVC takes notes of what was run: no part of what a cell is made from."""


def pack(root: Path) -> tuple[str, bytes]:
    """The commit of `root` and a bundle that holds it.

    Raises:
        RuntimeError: if git fails; one line for a person.
    """
    commit = _git(root, "rev-parse", "HEAD").strip()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bundle"
        _git(root, "bundle", "create", "--quiet", str(file), "HEAD")
        return commit, file.read_bytes()


def unpack(commit: str, bundle: bytes, folder: Path) -> None:
    """Make `folder`, which must not be there, a clone at `commit`.

    Raises:
        RuntimeError: if git fails or has another commit.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as beside:
        file = Path(beside) / "bundle"
        file.write_bytes(bundle)
        _git(folder.parent, "clone", "--quiet", "--no-checkout", str(file), str(folder))
    _git(folder, "checkout", "--quiet", "--detach", commit)
    verify(folder, commit)


def verify(folder: Path, commit: str) -> None:
    """See that a clone is at a commit and has no changes.

    Raises:
        RuntimeError: if it is not; one line that says what differs.
    """
    if (found := _git(folder, "rev-parse", "HEAD").strip()) != commit:
        raise RuntimeError(f"the clone is at commit {found[:10]}, not at {commit[:10]}")
    if names := changes(folder):
        raise RuntimeError(f"the clone has changes of its own: {_some(names)}")


def changes(folder: Path, ignore: Callable[[Path], bool] = lambda _: False) -> list[str]:
    """Files, relative to `folder`, that differ from its commit or are not in it, less DVC's notes and `ignore`."""
    listed = _git(folder, "status", "--porcelain", "-z", "--untracked-files=all", "--no-renames")
    names = [line[3:] for line in listed.split("\0") if line]
    return [name for name in names if Path(name).name not in NOTES and not ignore(Path(name))]


def refuse_changes(root: Path, ignore: Callable[[Path], bool]) -> None:
    """See that what would run elsewhere is what lies here.

    Raises:
        RuntimeError: if something is not committed.
    """
    if names := changes(root, ignore):
        raise RuntimeError(f"a cluster runs what is committed, and this is not: {_some(names)}: commit first")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"git {arguments[0]} failed in {folder}: {' '.join(done.stderr.split())}")
    return done.stdout
