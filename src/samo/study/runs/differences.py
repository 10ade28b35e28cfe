"""What differs between a stored cell and the same cell made again, and by how much."""

import csv
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from samo.study.config.conditions import Cell

WEIGHTS = ".safetensors"


def differences(stored: Path, again: Path, cell: Cell) -> list[str]:
    """One line a file that is not the same: results by their bytes, weights by their tensors.

    Args:
        stored: the project's folder.
        again: the folder that the cell was made in once more.
        cell: which one.
    """
    found = []
    for name in files(again, cell) + [name for name in files(stored, cell) if name not in files(again, cell)]:
        one, other = stored / name, again / name
        if not one.is_file():
            found.append(f"{name}: is not stored")
        elif not other.is_file():
            found.append(f"{name}: is stored, but was not made again")
        elif one.read_bytes() != other.read_bytes() and (said := _difference(one, other)):
            found.append(f"{name}: {said}")
    return found


def files(root: Path, cell: Cell) -> list[Path]:
    """The files of a cell that are there, relative to `root`: results, then weights."""
    return [p.relative_to(root) for folder in (cell.runs, cell.models) for p in sorted((root / folder).glob("*"))]


def _difference(stored: Path, again: Path) -> str:
    try:
        if stored.suffix == WEIGHTS:
            return _of_weights(stored, again)
        return _of_values(_values(stored), _values(again)) or "the same values, but spelled otherwise"
    except (ValueError, SafetensorError) as error:
        return f"cannot be read ({str(error).splitlines()[0]})"


def _values(path: Path) -> dict[str, Any]:
    """Where -> value, of all that a file holds."""
    text = path.read_text()
    if path.suffix == ".json":
        return dict(_leaves(json.loads(text), ""))
    rows = csv.DictReader(text.splitlines())
    return {
        f"line {line} {column}": _number(value)
        for line, row in enumerate(rows, start=2)
        for column, value in row.items()
    }


def _leaves(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(item, f"{where}.{key}".lstrip("."))
    else:
        yield where, value


def _number(text: Any) -> Any:
    try:
        return float(text)
    except (TypeError, ValueError):
        return text


def _of_values(stored: Mapping[str, Any], again: Mapping[str, Any]) -> str:
    """Which values are on one side only, what is no number and differs, and by how much numbers differ at most."""
    said = []
    for one, other, where in ((stored, again, "the stored file"), (again, stored, "the one made again")):
        if alone := [key for key in one if key not in other]:
            said.append(f"{len(alone)} values in {where} only, the first at {alone[0]}")
    apart = [key for key in stored if key in again and stored[key] != again[key]]
    numbers = [key for key in apart if _is_number(stored[key]) and _is_number(again[key])]
    if numbers:
        far = max(numbers, key=lambda key: abs(stored[key] - again[key]))
        said.append(
            f"{len(numbers)} of {len(stored)} values differ, by at most {abs(stored[far] - again[far]):.3g} "
            f"({far}: {stored[far]:g} stored, {again[far]:g} made again)"
        )
    if words := [key for key in apart if key not in numbers]:
        said.append(f"{words[0]} is {stored[words[0]]!r} stored, {again[words[0]]!r} made again")
    return "; ".join(said)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _of_weights(stored: Path, again: Path) -> str:
    """By how much tensors differ at most; nothing where all are equal."""
    one, other = load_file(stored), load_file(again)
    if alone := sorted(one.keys() ^ other.keys()):
        return f"tensors of another network, as {alone[0]}"
    largest, where = 0.0, ""
    for name, tensor in one.items():
        if tensor.shape != other[name].shape or tensor.dtype != other[name].dtype:
            return f"{name} is {tensor.dtype} {list(tensor.shape)}, not {other[name].dtype} {list(other[name].shape)}"
        equal = (tensor == other[name]) | (tensor.isnan() & other[name].isnan())
        if not equal.all():
            # What is infinite or NaN on one side only is as far as can be.
            far = (tensor.double() - other[name].double()).abs()[~equal].nan_to_num(math.inf).max().item()
            largest, where = max((largest, where), (far, name))
    return f"weights differ by at most {largest:.3g}, in {where}" if where else ""
