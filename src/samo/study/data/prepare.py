"""Raw files to compact arrays and a datasheet; the folder appears whole or not at all."""

from typing import Any

from samo import datasets
from samo.datasets.parts.sources import Given
from samo.study import config, paths, store
from samo.study.errors import WriteError


def prepare(dataset: str) -> dict[str, Any]:
    """Make `data/prepared/<dataset>`, and return its datasheet; a ValueError names a raw file that is at fault."""
    root, module = paths.root(), datasets.get(dataset)
    fetched = root / "data/raw" / dataset
    given = isinstance(module.RAW, Given)
    raw = paths.given_data(dataset) if given else fetched
    data = config.load().datasets[dataset].data
    with store.whole_folder(root / "data/prepared" / dataset) as out:
        try:
            sheet = module.prepare(raw, out, data)
        except WriteError:
            raise
        except (OSError, ValueError) as error:
            told = str(error) if str(raw) in str(error) else f"{raw}: {error}"
            again = f"`dvc repro -f fetch@{dataset}`"
            remedy = f"replace it in {raw}, then {again}" if given else f"remove {raw} and let {again} bring it again"
            raise ValueError(f"{told}; {remedy}") from error
        # Those of the raw files, or of the manifest of data brought by hand.
        files = sorted(path for path in fetched.rglob("*") if path.is_file())
        sheet["raw"] = {path.relative_to(fetched).as_posix(): store.digest(path) for path in files}
        store.write_json(out / "datasheet.json", sheet)
    return sheet
