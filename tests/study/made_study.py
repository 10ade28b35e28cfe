"""A small study in a folder of its own: this code, made digits, the profile smoke with batches of a few examples."""

import shutil
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
FEWER = {
    "train: 320, val: 100, test: 100": "train: 60, val: 30, test: 60",
    "batch: 32": "batch: 6",
    "examples: 32": "examples: 6",
}
"""Of the profile smoke: as many updates, each over fewer examples."""


def fewer(params: str) -> str:
    """A profile's text with `FEWER`, where it has these values."""
    for old, new in FEWER.items():
        params = params.replace(old, new)
    return params


def make(folder: Path) -> Path:
    """Copy what a stage reads, and prepare made digits in the place of the real ones."""
    for name in ("notebooks", "reports/template", "src"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "dvc.yaml", folder)
    (folder / "params.yaml").write_text(fewer((ROOT / "profiles/smoke.yaml").read_text()))
    prepare(folder / "data/prepared/multimnist", train=60, val=30, test=60)
    return folder


def prepare(folder: Path, **splits: int) -> None:
    """Write made digits as the stage prepare writes real ones, so many of each split."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for split, n in splits.items():
        np.save(folder / f"{split}_images.npy", rng.integers(0, 256, (n, 36, 36), dtype=np.uint8))
        np.save(folder / f"{split}_labels.npy", rng.integers(0, 10, (n, 2), dtype=np.uint8))
    (folder / "datasheet.json").write_text('{"mean": 0.5, "std": 0.29}')


def content(study: Path, method: str) -> dict[str, bytes]:
    """What a trained condition has written: its results and its weights."""
    folders = [study / "data" / kind / "multimnist" / method for kind in ("runs", "models")]
    return {path.name: path.read_bytes() for folder in folders for path in sorted(folder.iterdir())}
