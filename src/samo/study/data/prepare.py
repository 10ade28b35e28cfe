"""Raw files to compact arrays and a datasheet; the folder appears whole or not at all."""

import hashlib
from pathlib import Path
from typing import Any

from samo import datasets
from samo.datasets.parts.sources import Given
from samo.study import config, paths, store
from samo.study.errors import WriteError


def prepare(dataset: str) -> dict[str, Any]:
    """Make `data/prepared/<dataset>`, and return its datasheet.

    Raises:
        ValueError: a raw file is not what it should be; the message names it.
    """
    root = paths.root()
    module = datasets.get(dataset)
    raw = paths.given_data(dataset) if isinstance(module.RAW, Given) else root / "data/raw" / dataset
    data = config.load().dataset[dataset].data
    with store.whole_folder(root / "data/prepared" / dataset) as out:
        try:
            sheet = module.prepare(raw, out, data)
        except WriteError:
            raise
        except (OSError, ValueError) as error:
            raise ValueError(f"{_first_named(error, raw)}; {_mend(dataset, module.RAW, raw)}") from error
        sheet["raw"] = _digests(root / "data/raw" / dataset)
        store.write_json(out / "datasheet.json", sheet)
    return sheet


def _first_named(error: Exception, raw: Path) -> str:
    told = str(error)
    return told if str(raw) in told else f"{raw}: {told}"


def _mend(dataset: str, kind: Any, raw: Path) -> str:
    """What a person does about a broken raw file."""
    if isinstance(kind, Given):
        return f"mend it in {raw}, then `dvc repro -f fetch@{dataset}`"
    return f"remove {raw} and let `dvc repro -f fetch@{dataset}` bring it again"


def _digests(folder: Path) -> dict[str, str]:
    """Of the raw files, or of the manifest of what a person brought."""
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        with path.open("rb") as stream:
            found[path.relative_to(folder).as_posix()] = hashlib.file_digest(stream, "sha256").hexdigest()
    return found
