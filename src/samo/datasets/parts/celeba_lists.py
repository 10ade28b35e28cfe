"""CelebA's two lists and its folder of pictures, as their publisher lays them out."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samo.datasets.parts import pictures
from samo.datasets.parts.sources import FAULTS

IMAGES = "img_align_celeba"
ATTRIBUTES = "list_attr_celeba.txt"
PARTITION = "list_eval_partition.txt"
SPLITS = ("train", "val", "test")
"""What 0, 1 and 2 mean in the partition."""
FORMATS, MODES = ("JPEG",), ("RGB",)


@dataclass(frozen=True)
class Lists:
    """What the lists say, in the order of the partition.

    Attributes:
        attributes: their names.
        names: of the files, N.
        labels: [N, attributes], 1 where a face has it.
        split: [N], an index into `SPLITS`.
    """

    attributes: tuple[str, ...]
    names: tuple[str, ...]
    labels: NDArray[np.uint8]
    split: NDArray[np.uint8]


def read_lists(folder: Path) -> Lists:
    """Read both lists.

    Raises:
        ValueError: a line is not as published, or the lists name different files; up to `FAULTS` lines are named.
    """
    attributes, rows = _attributes(folder / ATTRIBUTES)
    parts = _partition(folder / PARTITION)
    faults = [f"{folder / PARTITION}: nothing about {name}, which {ATTRIBUTES} lists" for name in rows.keys() - parts]
    faults += [f"{folder / ATTRIBUTES}: nothing about {name}, which {PARTITION} lists" for name in parts.keys() - rows]
    _refuse(sorted(faults))
    labels = np.array([rows[name] for name in parts], np.uint8).reshape(len(parts), len(attributes))
    return Lists(attributes, tuple(parts), labels, np.array(list(parts.values()), np.uint8))


def check(folder: Path) -> list[str]:
    """What is wrong with a folder that a person filled, at most `FAULTS` lines: lists, names, then every picture."""
    if absent := [_absent(folder, name) for name in (ATTRIBUTES, PARTITION, IMAGES) if not (folder / name).exists()]:
        return absent
    try:
        names = read_lists(folder).names
    except ValueError as error:
        return str(error).splitlines()
    found = {path.name for path in (folder / IMAGES).glob("*.jpg")}
    missing, unknown = [n for n in names if n not in found], sorted(found.difference(names))
    if missing or unknown:
        faults = [f"{folder / IMAGES}: {len(found)} pictures, but the lists name {len(names)}"]
        faults += [_absent(folder, f"{IMAGES}/{missing[0]}")] if missing else []
        faults += [f"{folder / IMAGES / name}: missing" for name in missing[1:FAULTS]]
        faults += [f"{folder / IMAGES / name}: in neither list" for name in unknown[:FAULTS]]
        return faults[:FAULTS]
    return list(islice(pictures.faults((folder / IMAGES / name for name in names), FORMATS, MODES), FAULTS))


def _absent(folder: Path, name: str) -> str:
    elsewhere = next(folder.rglob(Path(name).name), None)
    return f"{folder / name}: missing" + (f"; move it here from {elsewhere}" if elsewhere else "")


def _attributes(path: Path) -> tuple[tuple[str, ...], dict[str, list[bool]]]:
    """A count, a line of names, then a line a file: its name and -1 or 1 for each attribute."""
    lines = _lines(path)
    if len(lines) < 2:
        raise ValueError(f"{path}: no count and names in its first two lines")
    attributes = tuple(lines[1].split())
    rows: dict[str, list[bool]] = {}
    faults = []
    for n, line in enumerate(lines[2:], 3):
        name, *values = line.split()
        if len(values) != len(attributes) or not {"-1", "1"}.issuperset(values):
            faults.append(f"{path}, line {n}: not a name and {len(attributes)} times -1 or 1")
        elif fault := _misnamed(name, rows):
            faults.append(f"{path}, line {n}: {fault}")
        else:
            rows[name] = [value == "1" for value in values]
    if not faults and lines[0].strip() != str(len(rows)):
        faults.append(f"{path}: its first line says {lines[0].strip()[:20]}, but {len(rows)} files follow")
    _refuse(faults)
    return attributes, rows


def _partition(path: Path) -> dict[str, int]:
    """A line a file: its name and 0, 1 or 2."""
    parts: dict[str, int] = {}
    faults = []
    for n, line in enumerate(_lines(path), 1):
        name, *values = line.split()
        if len(values) != 1 or values[0] not in ("0", "1", "2"):
            faults.append(f"{path}, line {n}: not a name and 0, 1 or 2")
        elif fault := _misnamed(name, parts):
            faults.append(f"{path}, line {n}: {fault}")
        else:
            parts[name] = int(values[0])
    _refuse(faults)
    return parts


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: cannot be read as text") from error
    if "" in map(str.strip, lines):
        raise ValueError(f"{path}: an empty line or none at all")
    return lines


def _misnamed(name: str, before: dict[str, list[bool]] | dict[str, int]) -> str | None:
    # A name is joined to a folder's path, so it must not lead out of it.
    if Path(name).name != name or not name.endswith(".jpg"):
        return f"{name} is no name of a .jpg"
    return f"{name} for the second time" if name in before else None


def _refuse(faults: list[str]) -> None:
    if faults:
        raise ValueError("\n".join(faults[:FAULTS]))
