"""A notebook's code, run cell by cell in this process."""

from typing import Any

import nbformat

from tests.study.made_study import ROOT


def run(name: str, until: str | None = None, **parameters: Any) -> dict[str, Any]:
    """What the notebook's cells leave behind; stops before the first one that holds the words `until`."""
    notebook = nbformat.read(ROOT / f"notebooks/{name}.ipynb", as_version=4)
    space = dict(parameters)
    for cell in notebook.cells:
        if cell.cell_type == "code" and "parameters" not in cell.metadata.get("tags", []):
            if until is not None and until in cell.source:
                break
            exec(cell.source, space)
    return space
