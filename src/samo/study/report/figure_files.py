"""A figure's files under reports/figures, and which notebook and cells they come from."""

import io
from pathlib import Path

import pandas as pd

from samo.figures.palette import label
from samo.study.config import Params
from samo.study.report.figure import Figure, Source

ANALYSES = {
    "conflict": "conflict",
    "cosine": "conflict",
    "norms": "conflict",
    "layers": "layers",
    "curvature": "curvature",
    "cost": "cost",
    "landscape": "landscape",
    "planes": "landscape",
    "probe": "probe",
}
"""Kind of figure -> the analysis whose numbers it shows; the others show results of the cells themselves."""
MOST_NAMES = 4
"""Of more methods than this, only some are named."""


def read(root: Path, params: Params, of: str, kind: str, title: str, caption: str) -> Figure | None:
    """The figure <of>-<kind> as the page shows it; None where it has not been drawn.

    `of` is a dataset, "toys", "all" for all datasets together, or "reference" for the shipped run.
    """
    stem = root / "reports/figures" / f"{of}-{kind}"
    if not all(stem.with_suffix(ending).exists() for ending in (".svg", ".csv", ".txt")):
        return None
    numbers = stem.with_suffix(".csv").read_text(encoding="utf-8")
    return Figure(
        name=stem.name,
        svg=stem.with_suffix(".svg").read_text(encoding="utf-8"),
        words=stem.with_suffix(".txt").read_text(encoding="utf-8").strip(),
        csv=numbers,
        title=f"{label(of)}: {title}" if of in params.datasets else title,
        caption=caption,
        source=source(params, of, kind, pd.read_csv(io.StringIO(numbers))),
    )


def source(params: Params, of: str, kind: str, numbers: pd.DataFrame) -> Source:
    """The notebook that worked the numbers out, and the cells that went into them."""
    if of == "toys":
        return Source("tables" if kind == "step" else "toys", "no cell: two losses on the plane")
    if of == "reference":
        cells = len(numbers.drop_duplicates(["dataset", "method"]))
        return Source("tables", f"{cells} conditions of the shipped reference run, data/reference/study/run.jsonl")
    if of == "all":
        return Source("tables", f"the analyses of {', '.join(map(label, dict.fromkeys(numbers['dataset'])))}")
    notebook = f"{ANALYSES[kind]}-{of}" if kind in ANALYSES else "tables"
    known = params.methods_on(of)
    methods = [name for name in dict.fromkeys(numbers.get("method", pd.Series(dtype=str))) if name in known]
    if not methods:
        return Source(notebook, f"no cell: the network of {label(of)} before training")
    some = ", ".join(methods[:MOST_NAMES]) + (" …" if len(methods) > MOST_NAMES else "")
    named = f"{of} × ({some})"
    if kind == "cost":
        return Source(notebook, f"{len(methods)} methods, {named}, on a fresh network")
    seeds = sorted({int(seed) for seed in numbers["seed"]}) if "seed" in numbers else params.seeds_on(of)
    return Source(
        notebook,
        f"{'cell' if len(methods) == 1 else f'{len(methods)} cells'} {named}, "
        f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))}",
    )
