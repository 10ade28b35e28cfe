"""An index page of the executed notebooks, in their style: dataset by dataset, with each condition's result."""

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pandas as pd

from samo.figures.palette import label
from samo.results.tables import markdown
from samo.study import store
from samo.study.config import Params, conditions
from samo.study.notebooks.page import page
from samo.study.report.sources import Sources
from samo.study.report.table import interval

PATH = Path("reports/executed/index.html")
OPENING = """# Executed notebooks

Every number of the study was worked out in one of these. A notebook opens as a page (its code folds away) or in Jupyter
(`make lab`). [The report](../html/index.html) puts them together; [its notebook](report.html) and [that of the
tables](tables.html) belong to no dataset, nor do [the toys](toys.html)."""


def names(params: Params) -> Iterator[tuple[str, str]]:
    """Every notebook of a profile's datasets: stage of dvc.yaml and file name without ending."""
    yield from ((one.stage, one.notebook) for one in conditions.conditions(params))
    for dataset in params.datasets:
        yield f"prepare@{dataset}", f"prepare-{dataset}"
        yield from ((f"analyse@{dataset}-{name}", f"{name}-{dataset}") for name in params.analyses)


def write(root: Path, params: Params) -> Path:
    """Write `PATH`; Delta-m and gains are those of the tables, or — if there is none."""
    read = Sources(root, params)
    cells = [OPENING, *(_dataset(params, dataset, read.table(dataset)) for dataset in params.datasets)]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(words) for words in cells])
    store.write_text(root / PATH, page(notebook, "Executed notebooks"))
    return root / PATH


def _dataset(params: Params, dataset: str, main: pd.DataFrame) -> str:
    found = {row["method"]: row for row in main.to_dict("records")}
    rows = []
    for method in params.methods_on(dataset):
        cells = [interval(found.get(method, {}), key).plain for key in ("delta_m", "gain")]
        rows.append([method, *cells, _links(conditions.Condition(dataset, method).notebook)])
    table = pd.DataFrame(rows, columns=["method", "Δm, % (95 %)", "gain (95 %)", "notebook"])
    rest = [("the data", f"prepare-{dataset}"), *((name, f"{name}-{dataset}") for name in params.analyses)]
    listed = "\n".join(f"- {what}: {_links(name)}" for what, name in rest)
    return f"## {label(dataset)}\n\n{markdown(table)}\n{listed}"


def _links(name: str) -> str:
    return f"[page]({name}.html) · [Jupyter]({name}.ipynb)"
