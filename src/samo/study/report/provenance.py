"""What ties the page to its inputs, the same wherever and whenever it is made from them: no date, no host.

The page is kept in git and cannot name the commit that it will be part of. It names git's own id of the code: a tree,
which depends on content alone, and from which `git log --find-object` finds the commits. Nor can it have the hash of
dvc.lock, which contains the page's, but that of the lock's entry for `tables`, whose inputs cover all before the page.
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
    lock, inputs = root / "dvc.lock", None
    if lock.exists() and (stage := yaml.safe_load(lock.read_text())["stages"].get("tables")):
        inputs = json.dumps({key: stage.get(key) for key in ("cmd", "deps", "params")}, sort_keys=True).encode()
    files = {name: (root / name).read_bytes() if (root / name).exists() else None for name in FILES}
    facts = {f"git tree of {CODE}": tree(root / CODE)}
    for name, content in {"dvc.lock (tables)": inputs, **files}.items():
        facts[name] = "missing" if content is None else sha256(content).hexdigest()[:12]
    return facts | ({"device": device} if device else {}) | versions(*PACKAGES)


def versions(*packages: str) -> dict[str, str]:
    """Versions of packages, without the build, which depends on the machine ("2.13.0+cpu" is 2.13.0)."""
    return {name: version(name).split("+")[0] for name in packages}


def code(root: Path) -> dict[str, Any]:
    """The commit of the code, its files changed since, and git's id of the code as it is now."""
    try:
        commit, changed = git(root, "rev-parse", "HEAD").strip(), git(root, "status", "--porcelain", "src")
    except GitError:
        commit, changed = "unknown", ""
    since = sorted(line[3:] for line in changed.splitlines())
    return {"commit": commit, "code_changed_since": since, f"git tree of {CODE}": tree(root / CODE)}


def processors() -> list[str]:
    """The name of each core's processor by its maker, where the system tells."""
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text().splitlines() if listed.exists() else []
    return [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
