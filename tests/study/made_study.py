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


def make(folder: Path, profile: str = "smoke") -> Path:
    """Copy what a stage reads, and prepare made digits in the place of the real ones."""
    folder.mkdir()
    for name in ("dvc.yaml", "notebooks", "reports/template", "src"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    (folder / "params.yaml").write_text(fewer((ROOT / f"profiles/{profile}.yaml").read_text()))
    prepared = folder / "data/prepared/multimnist"
    prepared.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for split, n in (("train", 60), ("val", 30), ("test", 60)):
        np.save(prepared / f"{split}_images.npy", rng.integers(0, 256, (n, 36, 36), dtype=np.uint8))
        np.save(prepared / f"{split}_labels.npy", rng.integers(0, 10, (n, 2), dtype=np.uint8))
    (prepared / "datasheet.json").write_text('{"mean": 0.5, "std": 0.29}')
    return folder
