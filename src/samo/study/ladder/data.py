"""The data of the reference run, kept beside the active profile's: fetched and prepared where missing."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from samo import datasets
from samo.study import paths, store
from samo.study.config import Params
from samo.study.data.fetch import fetch


def prepared(root: Path, params: Params, dataset: str, code: str, tell: Callable[[str], None]) -> Path:
    """The folder of a dataset's arrays, made by this code with the profile's settings.

    Raises:
        samo.study.errors.FetchError: its raw files could not be had.
    """
    module, data = datasets.get(dataset), params.datasets[dataset].data
    key = hashlib.sha256(f"{code} {data.model_dump_json()}".encode()).hexdigest()[:16]
    folder = root / ".samo" / "reference" / f"{dataset}-{key}"
    if not folder.exists():
        raw = root / "data/raw" / dataset
        tell(f"{dataset}: raw files into {raw.relative_to(root)}")
        fetch(module.RAW, raw, paths.given_data(dataset), tell)
        with store.whole_folder(folder) as out:
            store.write_json(out / "datasheet.json", module.prepare(raw, out, data))
    return folder
