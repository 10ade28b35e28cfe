"""What a run in MLflow says of itself: its settings, the tags to group and search by, the data it was trained on."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from samo.optim import sharpness
from samo.study.config import Params
from samo.study.config.conditions import Cell
from samo.training.search import Trial

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

LONGEST = 500
"""Characters of a setting that every kind of store takes."""
FLAT = ("rho", "alpha", "mu")
"""Fields of a sharpness that need no prefix to be understood."""


def settings(params: Params, cell: Cell, chosen: Trial) -> dict[str, str]:
    """Everything that decides the run, flattened: rho, alpha, aggregator, training.batch, data.train, …"""
    method, block = params.methods_on(cell.dataset)[cell.method], params.dataset[cell.dataset]
    perturbation = sharpness.preset(method.preset_name, **chosen.fields(method.preset_fields))
    found: dict[str, Any] = {
        "aggregator": method.aggregator_name,
        **{f"aggregator.{key}": value for key, value in method.aggregator_options.items()},
        "sharpness": method.preset_name,
        "networks": method.networks,
        "lr": chosen.lr,
        **{f"data.{key}": value for key, value in block.data.model_dump().items()},
        **{f"training.{key}": value for key, value in block.training.model_dump().items()},
    }
    if perturbation.scope != "none":
        for key, value in asdict(perturbation).items():
            found[key if key in FLAT else f"sharpness.{key}"] = value
    return {key: str(value)[:LONGEST] for key, value in found.items()}


def tags(params: Params, cell: Cell, seed: int) -> dict[str, str]:
    """What runs are grouped and searched by."""
    method = params.methods_on(cell.dataset)[cell.method]
    return {
        "dataset": cell.dataset,
        "method": cell.method,
        "aggregator": method.aggregator_name,
        "sharpness": method.preset_name,
        "variant": "yes" if cell.variant else "no",
        "seed": str(seed),
        "cell": cell.name,
    }


def trained_on(root: Path, params: Params, dataset: str) -> "DatasetInput | None":
    """The prepared data with their digest; None where they are not on this disk."""
    folder = root / "data/prepared" / dataset
    if not folder.is_dir():
        return None
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source = json.dumps({"uri": folder.relative_to(root).as_posix()})
    profile = json.dumps(params.dataset[dataset].data.model_dump())
    data = Dataset(dataset, digest(folder), "local", source, profile=profile)
    return DatasetInput(data, [InputTag("mlflow.data.context", "training")])


def digest(folder: Path) -> str:
    """A folder's digest as DVC has it in dvc.lock, so that the data can be found in its cache.

    The MD5 of the list of files, each with the MD5 of its content.
    """
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    listed = [{"md5": _md5(files[name]), "relpath": name} for name in sorted(files)]
    return hashlib.md5(json.dumps(listed, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
