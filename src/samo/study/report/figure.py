"""A figure as a piece of the report: drawing, words, numbers one click away, and where it comes from."""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from samo.figures.palette import COLOURS, GRID, INK, MUTED

# Each colour becomes a custom property of the page, so that figures follow the reader's light or dark.
VARIABLES = {INK: "ink", MUTED: "muted", GRID: "grid"} | {
    shade: f"c-{name}" for name, shade in COLOURS.items() if name not in ("none", "placebo")
}
LARGEST = 150_000
"""Bytes of numbers that are written into the page; of larger ones it has a link to the file beside it."""


@dataclass(frozen=True)
class Source:
    """Where a figure comes from.

    Attributes:
        notebook: the executed notebook that worked its numbers out, without its ending.
        cells: which cells of the study went into it, in words.
    """

    notebook: str
    cells: str


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


def html(figure: Figure) -> str:
    """The figure with its title, alternative text, caption, numbers, and how to make just this one anew."""
    name, drawing = escape(figure.name), inline_svg(figure.svg, figure.name)
    drawing = drawing.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
    return (
        f'<figure id="{name}"><h3>{escape(figure.title)}</h3>'
        f'<div class="drawing" role="img" tabindex="0" aria-label="{escape(figure.words)}">{drawing}</div>'
        f"<figcaption>{foot(figure)}</figcaption></figure>"
    )


def foot(figure: Figure) -> str:
    """Its caption, its numbers and its drawing, where it is from, and the command for just this one."""
    name, notebook = escape(figure.name), escape(figure.source.notebook)
    return (
        f'{escape(figure.caption)} {_numbers(figure)} · <a href="../figures/{name}.svg">drawing (SVG)</a>'
        f'<span class="from">From <a href="../executed/{notebook}.html">{notebook}</a>, '
        f"{escape(figure.source.cells)}. Just this one: <code>samo figure {name}</code></span>"
    )


def _numbers(figure: Figure) -> str:
    """A link that saves the numbers: they are in the page itself, unless they are many."""
    file = f"{escape(figure.name)}.csv"
    content = figure.csv.encode()
    where = f"../figures/{file}"
    if len(content) <= LARGEST:
        where = f"data:text/csv;charset=utf-8;base64,{b64encode(content).decode()}"
    return f'<a href="{where}" download="{file}">numbers (CSV)</a>'


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
