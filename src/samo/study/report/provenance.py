"""What ties the page to its inputs, the same wherever and whenever it is made from them: no date, no host.

The page is kept in git, so that it cannot name the commit that it will be part of, and if it named the one before, the
same inputs would give another page after every commit. It names git's own id of the code instead: a tree, which stands
for its content alone, and from which git finds the commits (`git log --find-object`). For the same reason it cannot
hold the hash of dvc.lock, which holds that of the page: it has the hash of what the lock says of the stage `tables`,
and through that stage's inputs of all that comes before the page.
"""

import json
import os
import stat
import subprocess
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from dulwich.objects import Blob, Tree

PACKAGES = ("torch", "torchjd", "numpy", "pandas", "matplotlib", "dvc", "papermill", "mlflow", "nbconvert")
CODE = "src/samo"
UNTRACKED = ("__pycache__", ".ipynb_checkpoints")


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
    git = ["git", "-C", str(root)]
    commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    changed = subprocess.run([*git, "status", "--porcelain", "src"], capture_output=True, text=True, check=False).stdout
    return {
        "commit": commit or "unknown",
        "code_changed_since": sorted(line[3:] for line in changed.splitlines()),
        f"git tree of {CODE}": tree(root / CODE),
    }


def tree(folder: Path) -> str:
    """The id that git gives to a folder's content, 40 hexadecimal digits; "missing" where there is none.

    Files are taken as they lie there, committed or not, but for what git never tracks.
    """
    return _tree(folder).id.decode() if folder.is_dir() else "missing"


def _tree(folder: Path) -> Tree:
    found = Tree()
    for path in sorted(folder.iterdir()):
        if path.name in UNTRACKED or path.suffix == ".pyc":
            continue
        if path.is_dir():
            inner = _tree(path)
            if len(inner):
                found.add(os.fsencode(path.name), stat.S_IFDIR, inner.id)
        else:
            runs = path.stat().st_mode & stat.S_IXUSR
            found.add(
                os.fsencode(path.name),
                stat.S_IFREG | (0o755 if runs else 0o644),
                Blob.from_string(path.read_bytes()).id,
            )
    return found


def _locked(lock: Path) -> str:
    """The hash of the inputs and settings that dvc.lock has for the stage `tables`."""
    stages = yaml.safe_load(lock.read_text())["stages"] if lock.exists() else {}
    inputs = {key: stages.get("tables", {}).get(key) for key in ("cmd", "deps", "params")}
    return _short(json.dumps(inputs, sort_keys=True).encode()) if any(inputs.values()) else "missing"


def _digest(path: Path) -> str:
    return _short(path.read_bytes()) if path.exists() else "missing"


def _short(content: bytes) -> str:
    return sha256(content).hexdigest()[:12]
