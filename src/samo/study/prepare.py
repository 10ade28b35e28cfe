"""Raw files to compact arrays and a datasheet; the folder appears whole or not at all."""

import hashlib
from typing import Any

from samo import datasets
from samo.study import config, paths, store


def prepare(dataset: str) -> dict[str, Any]:
    """Make `data/prepared/<dataset>`, and return its datasheet.

    Raises:
        ValueError: a raw file is not what it should be; the message names it.
    """
    root = paths.root()
    module = datasets.get(dataset)
    raw = root / "data/raw" / dataset
    data = config.load().dataset[dataset].data
    with store.whole_folder(root / "data/prepared" / dataset) as out:
        sheet = module.prepare(raw, out, data)
        sheet["raw"] = {file.name: _digest(raw / file.name) for file in module.RAW}
        store.write_json(out / "datasheet.json", sheet)
    return sheet


def _digest(path: Any) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
