"""`samo verify`: cells made again in a temporary place, and held against what is stored."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from samo.study import config, grid, store
from samo.study.config import Params
from samo.study.config.conditions import Cell, cells
from samo.study.grid.echo import echo
from samo.study.runs import made_on, place
from samo.study.runs.cell import train_cell
from samo.study.runs.differences import differences, files
from samo.training.loop import DivergedError

Say = Callable[[str], None]


def named(root: Path, params: Params, dataset: str, method: str) -> Cell:
    """A cell that has run.

    Raises:
        ValueError: the profile has no such cell.
        FileNotFoundError: it has not run.
    """
    if dataset not in params.datasets:
        raise ValueError(f"no dataset {dataset!r} in params.yaml: it has {', '.join(params.datasets)}")
    if method not in (known := params.methods_on(dataset)):
        raise ValueError(f"no method {method!r} on {dataset}: there are {', '.join(known)}")
    cell = next(cell for cell in cells(params) if (cell.dataset, cell.method) == (dataset, method))
    if not _has_run(root, cell):
        raise FileNotFoundError(f"{cell.name} has not run, so there is nothing to verify: `dvc repro {cell.stage}`")
    return cell


def drawn(root: Path, params: Params, count: int, rng: np.random.Generator, say: Say) -> list[Cell]:
    """So many of the cells that have run, or all of them where they are fewer; those that have not are said.

    Raises:
        FileNotFoundError: none has run.
    """
    ran = [cell for cell in cells(params) if _has_run(root, cell)]
    if missing := [cell.name for cell in cells(params) if cell not in ran]:
        say(f"not run, so not drawn from: {', '.join(missing)}")
    if not ran:
        raise FileNotFoundError("no cell has run, so there is nothing to verify: `make repro` runs them")
    return [ran[k] for k in sorted(rng.permutation(len(ran))[:count].tolist())]


def verify(root: Path, params: Params, wanted: Sequence[Cell], say: Say) -> bool:
    """Make cells again and say which files differ from what is stored, and by how much.

    Nothing of the project is written: neither its data nor its checkpoints nor MLflow. Settings, data and code are
    those of the folder now; where DVC sees that they changed since the cell ran, that is said.

    Returns:
        Whether everything is the same.
    """
    device = config.device_name(place.device(params.train))
    same = True
    for cell in wanted:
        store.needed(root, Path("data/prepared") / cell.dataset)
        say(f"{cell.name}: {made_on.said(root, cell, device)}")
        if changed := _changed(root, cell):
            say(f"{cell.name}: {changed}")
        found = _again(root, cell)
        for line in found:
            say(f"{cell.name}: DIFFERS {line}")
        if not found:
            say(f"{cell.name}: the same, {len(files(root, cell))} files")
        same = same and not found
    return same


def _again(root: Path, cell: Cell) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="samo-verify-") as place, echo():
        try:
            train_cell(cell.dataset, cell.method, into=Path(place))
        except DivergedError as error:
            return [f"nothing was made: {error}"]
        return differences(root, Path(place), cell)


def _changed(root: Path, cell: Cell) -> str:
    try:
        stale = cell.stage in grid.plan(root, [cell.stage]).stale
    except grid.PipelineError as error:
        return f"whether it is up to date cannot be told ({error})"
    return "params.yaml, data or code changed since it ran, so it may well differ" if stale else ""


def _has_run(root: Path, cell: Cell) -> bool:
    return (root / cell.runs / "metrics.json").exists()
