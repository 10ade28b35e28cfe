"""The files that MLflow keeps with a run: its executed notebook, as a page too, and the figures in it."""

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from samo.study.config.conditions import Cell

if TYPE_CHECKING:
    from mlflow import MlflowClient

FIGURES = {"image/svg+xml": "svg", "image/png": "png"}
MARK = "artifacts"
"""The tag that says which files a run has."""


def notebooks(root: Path, cell: Cell) -> list[Path]:
    """The cell's executed notebook and its page, as far as they are there."""
    stem = root / "reports/executed" / f"train-{cell.dataset}-{cell.method}"
    return [path for path in (stem.with_name(f"{stem.name}.{kind}") for kind in ("html", "ipynb")) if path.is_file()]


def mark(files: list[Path]) -> str:
    """What the files are known by; empty for none."""
    known = hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in files))
    return known.hexdigest()[:16] if files else ""


def keep(client: "MlflowClient", run: str, files: list[Path]) -> None:
    """Copy the files and the figures of the notebook among them to a run, and note that it has them."""
    for path in files:
        client.log_artifact(run, str(path), "notebook")
    with TemporaryDirectory() as folder:
        for path in files:
            if path.suffix == ".ipynb":
                for figure in _figures(path, Path(folder)):
                    client.log_artifact(run, str(figure), "figures")
    client.set_tag(run, MARK, mark(files))


def _figures(notebook: Path, folder: Path) -> list[Path]:
    """The drawings among a notebook's outputs, written to a folder."""
    import base64

    import nbformat

    found: list[Path] = []
    for cell in nbformat.read(notebook, as_version=4).cells:
        for data in (output.get("data", {}) for output in cell.get("outputs", [])):
            for kind, ending in FIGURES.items():
                if kind in data:
                    path = folder / f"{len(found) + 1}.{ending}"
                    text = data[kind]
                    path.write_bytes(base64.b64decode(text) if ending == "png" else text.encode())
                    found.append(path)
                    break
    return found
