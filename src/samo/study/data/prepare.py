"""Raw files to compact arrays and a datasheet; the folder appears whole or not at all."""

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
            refetch = f"`dvc repro -f fetch@{dataset}`"
            by_hand, remedy = f"replace it in {raw}, then {refetch}", f"remove {raw} and let {refetch} bring it again"
            raise ValueError(f"{told}; {by_hand if isinstance(module.RAW, Given) else remedy}") from error
        # Those of the raw files, or of the manifest of data brought by hand.
        folder = root / "data/raw" / dataset
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        sheet["raw"] = {path.relative_to(folder).as_posix(): store.digest(path) for path in files}
        store.write_json(out / "datasheet.json", sheet)
    return sheet
