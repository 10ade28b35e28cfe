"""What ties the page to its inputs, the same wherever and whenever it is made from them: no date, no host.

The page is kept in git, so that it cannot name the commit that it will be part of. It names git's own id of the code
instead: a tree, which stands for its content alone, and from which git finds the commits (`git log --find-object`). For
the same reason it has not the hash of dvc.lock, which holds that of the page, but that of what the lock says of the
stage `tables`, and through that stage's inputs of all that comes before the page.
"""

import json
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from samo.study.git import GitError, git, tree

PACKAGES = ("torch", "torchjd", "numpy", "pandas", "matplotlib", "dvc", "papermill", "mlflow", "nbconvert")
CODE = "src/samo"
FILES = ("params.yaml", "reports/tables/ladder.csv")


def provenance(root: Path, device: str = "") -> dict[str, str]:
    """Facts by name: hashes of code, settings and results, the packages' versions, and the device if it is given."""
    lock = root / "dvc.lock"
    stage = yaml.safe_load(lock.read_text())["stages"].get("tables", {}) if lock.exists() else {}
    inputs = json.dumps({key: stage.get(key) for key in ("cmd", "deps", "params")}, sort_keys=True)
    facts = {f"git tree of {CODE}": tree(root / CODE), "dvc.lock (tables)": _short(inputs.encode() if stage else None)}
    facts |= {name: _short((root / name).read_bytes() if (root / name).exists() else None) for name in FILES}
    return facts | ({"device": device} if device else {}) | versions(*PACKAGES)


def versions(*packages: str) -> dict[str, str]:
    """Of packages; "2.13.0+cpu" is a build of 2.13.0: which one it is depends on the machine."""
    return {name: version(name).split("+")[0] for name in packages}


def code(root: Path) -> dict[str, Any]:
    """The commit of the code, which of its files were changed since, and git's id of it as it lies there."""
    try:
        commit, changed = git(root, "rev-parse", "HEAD").strip(), git(root, "status", "--porcelain", "src")
    except GitError:
        commit, changed = "unknown", ""
    since = sorted(line[3:] for line in changed.splitlines())
    return {"commit": commit, "code_changed_since": since, f"git tree of {CODE}": tree(root / CODE)}


def _short(content: bytes | None) -> str:
    return sha256(content).hexdigest()[:12] if content else "missing"
