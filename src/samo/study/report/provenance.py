"""What ties the page to its inputs, the same wherever and whenever it is made from them: no date, no host.

The page is kept in git, so that it cannot name the commit that it will be part of, and if it named the one before, the
same inputs would give another page after every commit. It names git's own id of the code instead: a tree, which stands
for its content alone, and from which git finds the commits (`git log --find-object`). For the same reason it cannot
hold the hash of dvc.lock, which holds that of the page: it has the hash of what the lock says of the stage `tables`,
and through that stage's inputs of all that comes before the page.
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


def provenance(root: Path, device: str = "") -> dict[str, str]:
    """Facts by name: hashes of code, settings and results, the packages' versions, and the device if it is given."""
    facts = {
        f"git tree of {CODE}": tree(root / CODE),
        "params.yaml": _digest(root / "params.yaml"),
        "dvc.lock (tables)": _locked(root / "dvc.lock"),
        "reports/tables/metrics.json": _digest(root / "reports/tables/metrics.json"),
    }
    facts |= {"device": device} if device else {}
    # "2.13.0+cpu" is a build of 2.13.0: which one it is depends on the machine.
    return facts | {name: version(name).split("+")[0] for name in PACKAGES}


def code(root: Path) -> dict[str, Any]:
    """The commit of the code, which of its files were changed since, and git's id of it as it lies there."""
    try:
        commit, changed = git(root, "rev-parse", "HEAD").strip(), git(root, "status", "--porcelain", "src")
    except GitError:
        commit, changed = "unknown", ""
    return {
        "commit": commit,
        "code_changed_since": sorted(line[3:] for line in changed.splitlines()),
        f"git tree of {CODE}": tree(root / CODE),
    }


def _locked(lock: Path) -> str:
    """The hash of the inputs and settings that dvc.lock has for the stage `tables`."""
    stages = yaml.safe_load(lock.read_text())["stages"] if lock.exists() else {}
    inputs = {key: stages.get("tables", {}).get(key) for key in ("cmd", "deps", "params")}
    return _short(json.dumps(inputs, sort_keys=True).encode()) if any(inputs.values()) else "missing"


def _digest(path: Path) -> str:
    return _short(path.read_bytes()) if path.exists() else "missing"


def _short(content: bytes) -> str:
    return sha256(content).hexdigest()[:12]
