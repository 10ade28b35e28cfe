"""The rows of the run: each is one whole training or search, a line of data/reference/ladder/run.jsonl."""

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from samo.study.errors import ConfigError
from samo.study.ladder.plan import FOLDER
from samo.study.report.provenance import processors
from samo.study.runs.formats import rounded

FILE = FOLDER / "run.jsonl"
KEYS = {
    "dataset": ("dataset", "code", "tasks", "metrics"),
    "search": ("dataset", "method", "updates", "code", "trials", "chosen", "extended"),
    "training": ("dataset", "method", "updates", "seed", "code", "processor", "chosen", "values", "history"),
    "repeat": ("dataset", "method", "updates", "seed", "code", "processor", "values"),
}
"""Table -> the columns of its rows. A `repeat` is a training made once more, on another processor."""

Row = Mapping[str, Any]


def read(root: Path) -> list[dict[str, Any]]:
    """All rows, of any version of the code; none if nothing has run. A ConfigError names a line that is no row."""
    path, found = root / FILE, []
    for number, line in enumerate(path.read_text().splitlines() if path.exists() else (), 1):
        try:
            row = json.loads(line)
            if missing := [key for key in KEYS[row["table"]] if key not in row]:
                raise ValueError(f"has no {missing[0]}")
        except (ValueError, LookupError, TypeError) as error:
            said = f"{FILE}, line {number}: {error}"
            raise ConfigError(f"{said}: `git checkout {FILE}` brings it back as it was committed") from None
        found.append(row)
    return found


def append(root: Path, row: Row) -> None:
    """Add a row, in a single write that is on the disk when this returns."""
    with (root / FILE).open("ab", buffering=0) as stream:
        stream.write(json.dumps(rounded(dict(row)), separators=(",", ":"), allow_nan=False).encode() + b"\n")
        os.fsync(stream.fileno())


def processor() -> str:
    """The processor's name by its maker, if the system tells; results of two differ in their last digits."""
    named = processors()
    return named[0] if named else platform.processor() or platform.machine()
