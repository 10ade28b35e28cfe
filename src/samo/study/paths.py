"""Where the study's files lie."""

import os
from pathlib import Path

CHECKPOINTS = "SAMO_CHECKPOINTS"
"""The variable that tells a worker's stages where the project's checkpoints lie."""
TRACKING = "SAMO_TRACKING"
"""The variable that keeps a stage from logging to MLflow, where it is "off"."""


def root() -> Path:
    """The project's folder: DVC_ROOT in a stage, else the nearest upwards with dvc.yaml, or FileNotFoundError."""
    if given := os.environ.get("DVC_ROOT"):
        return Path(given)
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "dvc.yaml").is_file():
            return folder
    raise FileNotFoundError(f"no dvc.yaml in {here} or above it: run this inside the study's folder")


def checkpoints(root: Path) -> Path:
    """Where interrupted conditions resume from: the project's own folder, even in a worker's clone, which vanishes."""
    return Path(os.environ.get(CHECKPOINTS) or root / ".samo" / "checkpoints")


def given_data(dataset: str) -> Path:
    """Where a person puts raw files by hand: $SAMO_DATA/<dataset>, else data/given/<dataset>."""
    base = os.environ.get("SAMO_DATA")
    return (Path(base) if base else root() / "data" / "given") / dataset
