"""A figure as a piece of the report: drawing, words, numbers one click away, and where it comes from."""

import io
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from samo.figures.palette import COLOURS, GRID, INK, MUTED, label
from samo.study.config import Params

# Each colour becomes a custom property of the page, so that figures follow the reader's light or dark.
VARIABLES = {INK: "ink", MUTED: "muted", GRID: "grid"} | {
    shade: f"c-{name}" for name, shade in COLOURS.items() if name not in ("none", "placebo")
}
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
"""Kind of figure -> the analysis whose numbers it shows; the others show results of the conditions themselves."""
MOST_NAMES = 4
"""Of more methods than this, only some are named."""
LARGEST = 150_000
"""Bytes of numbers that are written into the page; of larger ones it has a link to the file beside it."""


@dataclass(frozen=True)
class Source:
    """Where a figure comes from.

    Attributes:
        notebook: the executed notebook that worked its numbers out, without its ending.
        conditions: which conditions of the study went into it, in words.
    """

    notebook: str
    conditions: str


@dataclass(frozen=True)
class Figure:
    """What the page shows of a figure; `name` is that of its files.

    Attributes:
        svg: the drawing.
        words: for those who cannot see it.
        csv: its numbers.
        title: what is to be seen.
        caption: how to read it.
        source: where it comes from.
    """

    name: str
    svg: str
    words: str
    csv: str
    title: str
    caption: str
    source: Source

    @property
    def drawing(self) -> str:
        """The SVG as it stands inside the page."""
        return inline_svg(self.svg, self.name).replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)

    @property
    def numbers(self) -> str:
        """An address that saves the numbers: they are in the page itself, unless they are many."""
        content = self.csv.encode()
        if len(content) > LARGEST:
            return f"../figures/{self.name}.csv"
        return f"data:text/csv;charset=utf-8;base64,{b64encode(content).decode()}"


def inline_svg(svg: str, name: str) -> str:
    """An SVG to stand inside the page: ids of its own, colours as the page's custom properties."""
    prefix = re.sub(r"[^a-zA-Z0-9]", "-", name)
    out = svg[svg.index("<svg") :]
    out = re.sub(r"<metadata>.*?</metadata>", "", out, flags=re.DOTALL)
    out = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', out)
    out = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", out)
    out = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', out)
    out = re.sub(r'\b(d|points)="([^"]+)"', lambda path: f'{path[1]}="{_shorter(path[2])}"', out)
    return themed(out)


def _shorter(path: str) -> str:
    """A path's coordinates with two decimals, a hundredth of a point: nobody sees more."""
    return re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", path)


def themed(html: str, variables: Mapping[str, str] = VARIABLES) -> str:
    """The same with the palette's colours as the page's custom properties."""
    for shade, variable in variables.items():
        html = re.sub(re.escape(shade), f"var(--{variable}, {shade})", html, flags=re.IGNORECASE)
    return html


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
    """The notebook that worked the numbers out, and the conditions that went into them."""
    if of == "toys":
        return Source("tables" if kind == "step" else "toys", "no condition: two losses on the plane")
    if of == "reference":
        conditions = len(numbers.drop_duplicates(["dataset", "method"]))
        return Source("tables", f"{conditions} conditions of the shipped reference run, data/reference/study/run.jsonl")
    if of == "all":
        return Source("tables", f"the analyses of {', '.join(map(label, dict.fromkeys(numbers['dataset'])))}")
    notebook = f"{ANALYSES[kind]}-{of}" if kind in ANALYSES else "tables"
    known = params.methods_on(of)
    methods = [name for name in dict.fromkeys(numbers.get("method", pd.Series(dtype=str))) if name in known]
    if not methods:
        return Source(notebook, f"no condition: the network of {label(of)} before training")
    some = ", ".join(methods[:MOST_NAMES]) + (" …" if len(methods) > MOST_NAMES else "")
    named = f"{of} × ({some})"
    if kind == "cost":
        return Source(notebook, f"{len(methods)} methods, {named}, on a fresh network")
    seeds = sorted({int(seed) for seed in numbers["seed"]}) if "seed" in numbers else params.seeds_on(of)
    return Source(
        notebook,
        f"{'condition' if len(methods) == 1 else f'{len(methods)} conditions'} {named}, "
        f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))}",
    )
