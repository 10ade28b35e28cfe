"""How much work each stage is: the time left goes by it."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from samo.study import store
from samo.study.config import Params, grids
from samo.study.config.conditions import Cell, cells
from samo.study.grid.estimate import OVERHEAD, Unit, cell_seconds, step_ratio
from samo.training.search import count

UNITS = Path(".samo/units.json")
"""The steps that `samo profile` has measured on this machine."""
SMALL = 3.0
"""The work of a stage that is no cell, in forward passes over a training split."""


def remember(root: Path, params: Params, units: Mapping[str, Unit]) -> None:
    """Keep measured steps for the next run of the same datasets."""
    known = {name: {"of": _settings(params, name), **asdict(unit)} for name, unit in units.items()}
    store.write_text(root / UNITS, json.dumps(known, indent=1) + "\n")


def recall(root: Path, params: Params) -> dict[str, Unit]:
    """The measured steps that still hold for a profile; none where the file is missing or broken."""
    try:
        known = json.loads((root / UNITS).read_text())
        return {
            name: Unit(**{key: value for key, value in known[name].items() if key != "of"})
            for name in params.datasets
            if known.get(name, {}).get("of") == _settings(params, name)
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def weights(root: Path, params: Params) -> Callable[[str], float]:
    """Stage -> its work: in seconds where a step of every dataset was measured, else by the count of passes.

    By the count alone, a step of one dataset is taken for as long as that of another, and K for 2.
    """
    units = recall(root, params)
    measured = set(units) == set(params.datasets)
    of = {
        cell.stage: _seconds(params, cell, units[cell.dataset]) if measured else _passes(params, cell)
        for cell in cells(params)
    }
    return lambda stage: of.get(stage, OVERHEAD if measured else SMALL)


def _seconds(params: Params, cell: Cell, unit: Unit) -> float:
    method = params.methods_on(cell.dataset)[cell.method]
    return cell_seconds(params, cell.dataset, method, unit) + OVERHEAD


def _passes(params: Params, cell: Cell) -> float:
    training, method = params.dataset[cell.dataset].training, params.methods_on(cell.dataset)[cell.method]
    trials = count(grids(params, cell.dataset, method))
    epochs = trials * training.search_epochs + len(params.seeds_on(cell.dataset)) * training.epochs
    return epochs * 3 * step_ratio(method, 2)


def _settings(params: Params, dataset: str) -> str:
    block = params.dataset[dataset]
    train = params.train
    said = [block.data.model_dump(), block.training.model_dump(), train.threads, train.device, train.processes]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
