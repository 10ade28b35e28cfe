"""The report as HTML: its pieces, from macros under reports/template, and the one file, which needs no network."""

import re
import warnings
from functools import cache
from html import escape, unescape
from pathlib import Path
from typing import Any

import jinja2
import nbformat
from markupsafe import Markup

from samo.results.tables import text
from samo.study import store
from samo.study.notebooks.page import to_mathml
from samo.study.report.provenance import provenance

LIMIT = 8_000_000  # the most bytes of the page: more takes a telephone too long
TEMPLATES = Path("reports/template")


class Piece(Markup):
    """HTML that a notebook shows as such."""

    def __repr__(self) -> str:
        """Short, since a notebook stores it beside the HTML."""
        return "a piece of the report"

    def _repr_html_(self) -> str:
        return str(self)


def html(root: Path, macro: str, *content: object) -> Piece:
    """What a macro of reports/template/macros.html.j2 makes of its content; all of it that is no `Piece` is escaped.

    Raises FileNotFoundError if the template is missing.
    """
    return Piece(getattr(_macros(root), macro)(*content))


@cache
def _macros(root: Path) -> Any:
    loader = jinja2.FileSystemLoader(_template(root, "macros.html.j2").parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"code": _code, "fact": fact}
    return environment.get_template("macros.html.j2").module


def _template(root: Path, name: str) -> Path:
    if not (path := root / TEMPLATES / name).exists():
        raise FileNotFoundError(f"{path}: the report's template is missing")
    return path


def _code(words: str) -> Markup:
    """Plain text as HTML; what is between backticks becomes code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", escape(words)))


def fact(value: object) -> str:
    """A fact or a setting as text: of a nested one the first level, of a digest the beginning."""
    if isinstance(value, dict):
        plain = {k: v for k, v in value.items() if not isinstance(v, dict | list | tuple)}
        return ", ".join(f"{str(k).replace('_', ' ')} {fact(v)}" for k, v in plain.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(fact, value))
    if isinstance(value, str) and re.fullmatch("[0-9a-f]{32,}", value):
        return f"{value[:12]}…"
    if isinstance(value, float):
        return text(value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def render(executed: Path, root: Path, device: str = "") -> Path:
    """Write reports/html/index.html from the executed notebook, with the template under reports/template.

    A page larger than `LIMIT` gets links to the figures' numbers instead of the numbers; if it is still too large, a
    warning says so. `device`, on which the runs are computed, stands at its foot.

    Raises:
        FileNotFoundError: the notebook or the template is missing.
    """
    from nbconvert import HTMLExporter  # a second's import

    notebook: Any = nbformat.read(executed, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = to_mathml(cell.source)
    exporter = HTMLExporter(
        template_name=TEMPLATES.name,
        extra_template_basedirs=[str(_template(root, "index.html.j2").parents[1])],
        exclude_input=True,
        exclude_anchor_links=True,
    )
    body, _ = exporter.from_notebook_node(notebook, resources={"provenance": provenance(root, device)})
    page = contents(body)
    if len(page.encode()) > LIMIT:
        page = re.sub(r'download="([^"]+)" href="data:text/csv[^"]*"', r'download="\1" href="../figures/\1"', page)
    if (size := len(page.encode())) > LIMIT:
        warnings.warn(f"the report has {size:,} bytes, a telephone should not load more than {LIMIT:,}", stacklevel=2)
    store.write_text(target := root / "reports/html/index.html", page)
    return target


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
