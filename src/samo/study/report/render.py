"""The executed report notebook turned into one HTML file that needs no network."""

import re
import warnings
from html import escape, unescape
from pathlib import Path
from typing import Any

import nbformat
from nbconvert import HTMLExporter

from samo.study import store
from samo.study.report.formulas import to_mathml
from samo.study.report.provenance import provenance

LIMIT = 8_000_000
"""Bytes of the page: more takes a telephone too long."""


def render(executed: Path, root: Path, device: str = "") -> Path:
    """Write reports/html/index.html with the template under reports/template.

    A page larger than `LIMIT` has links to the figures' numbers in the place of the numbers; is it too large even so, a
    warning says it.

    Args:
        executed: the report notebook as it ran.
        root: the project's folder.
        device: what its runs are computed on, for the foot of the page.

    Raises:
        FileNotFoundError: the notebook or the template is missing.
    """
    notebook: Any = nbformat.read(executed, as_version=4)
    template = root / "reports" / "template" / "index.html.j2"
    if not template.exists():
        raise FileNotFoundError(f"{template}: the report's template is missing")
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = to_mathml(cell.source)
    exporter = HTMLExporter(
        template_name="template",
        extra_template_basedirs=[str(root / "reports")],
        exclude_input=True,
        exclude_anchor_links=True,
    )
    body, _ = exporter.from_notebook_node(notebook, resources={"provenance": provenance(root, device)})
    page = contents(body)
    if len(page.encode()) > LIMIT:
        page = numbers_beside(page)
    if (size := len(page.encode())) > LIMIT:
        warnings.warn(f"the report has {size:,} bytes, a telephone should not load more than {LIMIT:,}", stacklevel=2)
    target = root / "reports" / "html" / "index.html"
    store.write_text(target, page)
    return target


def numbers_beside(page: str) -> str:
    """The page with links to the figures' numbers in the place of the numbers themselves."""
    numbers = r'<a download="([^"]+)" href="data:text/csv[^"]*"'
    return re.sub(numbers, r'<a download="\1" href="../figures/\1"', page)


def contents(body: str) -> str:
    """Give every second-level heading an id, and list them where the page has `<!-- contents -->`."""
    entries: list[str] = []

    def mark(match: re.Match[str]) -> str:
        words = unescape(re.sub(r"<[^>]+>", "", match[1])).strip()
        name = re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")
        entries.append(f'<li><a href="#{name}">{escape(words)}</a></li>')
        return f'<h2 id="{name}">{match[1]}</h2>'

    marked = re.sub(r"<h2(?! class)[^>]*>(.*?)</h2>", mark, body, flags=re.DOTALL)
    return marked.replace("<!-- contents -->", f"<ol>{''.join(entries)}</ol>")
