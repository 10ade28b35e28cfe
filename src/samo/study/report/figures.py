"""A figure as a piece of the report: drawing, words, numbers one click away, and where it comes from."""

import re
from base64 import b64encode
from pathlib import Path
from typing import Any

import pandas as pd

from samo.figures.palette import COLOURS, GRID, INK, MUTED, label
from samo.study.config import Params

# Each colour becomes a custom property of the page, so that figures follow the reader's light or dark mode.
VARIABLES = {shade: f"c-{name}" for name, shade in COLOURS.items()} | {INK: "ink", MUTED: "muted", GRID: "grid"}
ANALYSES = {name: name for name in ("conflict", "landscape", "layers", "curvature", "cost", "probe")}
ANALYSES |= {"cosine": "conflict", "norms": "conflict", "planes": "landscape"}
"""Kind of figure -> the analysis whose numbers it shows; the others show results of the conditions themselves."""
RUNS = {
    "all": "this run",
    "reference": "the shipped reference run, data/reference/study/run.jsonl",
    "second": "the second reference run, data/reference/ladder/run.jsonl",
    "estimates": "the shipped estimates, data/reference/estimates.csv",
}
"""What a figure shows that belongs to no dataset."""
MOST_NAMES = 4  # of more methods than this, only some are named
LARGEST = 150_000  # the most bytes of numbers put into the page; for more, the page links to the file beside it
NARROW = 520.0  # points (1/72 inch); a wider figure scrolls on a telephone


def read(root: Path, params: Params, of: str, kind: str) -> dict[str, Any] | None:
    """What the page shows of the figure <of>-<kind>, for its macro; None where it has not been drawn.

    `of` is a dataset, "toys", or a key of `RUNS`. The figure is narrow if it has one column of panels, so that it is
    read without scrolling on a telephone.
    """
    name = f"{of}-{kind}"
    svg, words, csv = (root / "reports/figures" / f"{name}{ending}" for ending in (".svg", ".txt", ".csv"))
    if not all(path.exists() for path in (svg, words, csv)):
        return None
    drawing, numbers = inline_svg(svg.read_text(encoding="utf-8"), name), csv.read_bytes()
    width = re.search(r'viewBox="0 0 ([\d.]+)', drawing)
    notebook, conditions = source(params, of, kind, pd.read_csv(csv))
    return {
        "name": name,
        "drawing": drawing,
        "narrow": width is not None and float(width[1]) < NARROW,
        "words": words.read_text(encoding="utf-8").strip(),
        "numbers": data_uri(numbers) if len(numbers) <= LARGEST else f"../figures/{csv.name}",
        "notebook": notebook,
        "conditions": conditions,
    }


def data_uri(content: bytes, kind: str = "text/csv;charset=utf-8") -> str:
    """An address that holds the content itself."""
    return f"data:{kind};base64,{b64encode(content).decode()}"


def inline_svg(svg: str, name: str) -> str:
    """An SVG to embed in the page: with unique ids, and colours as the page's custom properties."""
    out = svg[svg.index("<svg") :].replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
    out = re.sub(r"<metadata>.*?</metadata>", "", out, flags=re.DOTALL)
    out = re.sub(r'(\bid="|url\(#|href="#)', rf"\1{name}-", out)
    out = re.sub(r'\b(?:d|points)="[^"]+"', _shorter, out)
    for shade, variable in VARIABLES.items():
        out = re.sub(re.escape(shade), f"var(--{variable}, {shade})", out, flags=re.IGNORECASE)
    return out


def _shorter(path: re.Match[str]) -> str:
    """A path's coordinates with two decimals: a hundredth of a point is as much as anybody sees."""
    return re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", path[0])


def source(params: Params, of: str, kind: str, numbers: pd.DataFrame) -> tuple[str, str]:
    """The notebook that computed the numbers, and the conditions of the study that went into them, in words."""
    if of == "toys":
        return "tables" if kind == "step" else "toys", "no condition: two losses on the plane"
    if of in RUNS:
        return "tables", _of_run(of, numbers)
    notebook = f"{ANALYSES[kind]}-{of}" if kind in ANALYSES else "tables"
    found = set(numbers.get("method", ()))
    methods = [name for name in params.methods_on(of) if name in found]
    if not methods:
        return notebook, f"no condition: the network of {label(of)} before training"
    named = f"{of} × ({', '.join(methods[:MOST_NAMES])}{' …' * (len(methods) > MOST_NAMES)})"
    if kind == "cost":
        return notebook, f"{len(methods)} methods, {named}, on a fresh network"
    seeds = sorted({int(seed) for seed in numbers["seed"]}) if "seed" in numbers else params.seeds_on(of)
    count = "condition" if len(methods) == 1 else f"{len(methods)} conditions"
    return notebook, f"{count} {named}, {'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))}"


def _of_run(of: str, numbers: pd.DataFrame) -> str:
    if "conditions" in numbers:
        most = int(numbers["conditions"].max())
        return f"{f'up to {most} conditions' if most > 1 else 'one condition'} per point, of {RUNS[of]}"
    if of == "estimates":
        return f"plain trainings with every seed on {len(set(numbers['network']))} trunks: {RUNS[of]}"
    pairs = len(numbers.drop_duplicates(["dataset", "method"]))
    count = "one condition" if pairs == 1 else f"{pairs} conditions"
    return f"{count} of {RUNS[of]}: {', '.join(map(label, dict.fromkeys(numbers['dataset'])))}"
