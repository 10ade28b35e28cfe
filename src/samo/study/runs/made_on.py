"""What a stored cell was made on, as far as that is known: MLflow keeps it, the results themselves hold none of it."""

import re
import subprocess
from pathlib import Path

from samo.study import store
from samo.study.config.conditions import Cell

UNKNOWN = "unknown"


def said(root: Path, cell: Cell, device: str) -> str:
    """One line: what the stored cell was made on, and what a recomputation here is made on.

    Another device, or another version of torch, may change last digits, and with them everything that is chosen by
    them. Which processor a cell ran on is written nowhere.

    Args:
        root: the project's folder.
        cell: one that has run.
        device: of the recomputation.
    """
    import torch

    own = torch.__version__.split("+")[0]
    here = f"here: {device}, torch {own}"
    tags = _tags(root, cell)
    if tags.get("device", UNKNOWN) == UNKNOWN:
        return f"what it was made on is not recorded in MLflow; {here}"
    commit = tags.get("git.commit", UNKNOWN)
    torch_then = _pinned(root, commit.rstrip("+"))
    then = f"made on {tags['device']} at commit {commit[:10]}{'+' if commit.endswith('+') else ''}"
    then += f", which pins torch {torch_then}" if torch_then else ", torch's version not known"
    known = tags["device"] == device and torch_then == own
    return f"{then}; {here}" + ("" if known else ": digits may differ for that reason alone")


def _tags(root: Path, cell: Cell) -> dict[str, str]:
    """Those of an MLflow run with the very results that are stored; none where there is no such run, or no MLflow."""
    from samo.study.tracking import mlflow_store, record

    address = mlflow_store.uri(root)
    if address.startswith("sqlite:///") and not Path(address.removeprefix("sqlite:///")).exists():
        return {}  # asking would make one
    try:
        metrics = store.read_json(root / cell.runs / "metrics.json")
        known = record.digest(metrics, next(iter(metrics["seeds"])))
        client = mlflow_store.connect(root)
        experiment = client.get_experiment_by_name(cell.dataset)
        if experiment is None:
            return {}
        query = f"tags.condition = '{cell.name}' and tags.results = '{known}'"
        runs = client.search_runs([experiment.experiment_id], query, max_results=100)
    except Exception:  # whatever ails the view
        return {}
    found = [dict(run.data.tags) for run in runs]
    # `samo track` makes runs of its own, which know no device.
    return next((tags for tags in found if tags.get("device", UNKNOWN) != UNKNOWN), {})


def _pinned(root: Path, commit: str) -> str | None:
    """The version of torch that a commit's lock asks for."""
    git = ["git", "-C", str(root), "show", f"{commit}:requirements.lock"]
    lock = subprocess.run(git, capture_output=True, text=True, check=False)
    found = re.search(r"^torch==([0-9.]+)", lock.stdout, flags=re.MULTILINE)
    return found[1] if found and not lock.returncode else None
