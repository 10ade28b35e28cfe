"""Raw files to compact arrays and a datasheet; the folder appears whole or not at all."""

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
    data = config.load().datasets[dataset].data
    with store.whole_folder(root / "data/prepared" / dataset) as out:
        try:
            sheet = module.prepare(raw, out, data)
        except WriteError:
            raise
        except (OSError, ValueError) as error:
            told = str(error) if str(raw) in str(error) else f"{raw}: {error}"
            raise ValueError(f"{told}; {_remedy(dataset, module.RAW, raw)}") from error
        # Of the raw files, or of the manifest of what a person brought.
        folder = root / "data/raw" / dataset
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        sheet["raw"] = {path.relative_to(folder).as_posix(): store.digest(path) for path in files}
        store.write_json(out / "datasheet.json", sheet)
    return sheet


def _remedy(dataset: str, kind: Any, raw: Path) -> str:
    """What a person does about a broken raw file."""
    if isinstance(kind, Given):
        return f"replace it in {raw}, then `dvc repro -f fetch@{dataset}`"
    return f"remove {raw} and let `dvc repro -f fetch@{dataset}` bring it again"
