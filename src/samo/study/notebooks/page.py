"""An executed notebook as one HTML page that needs neither script nor network: browsers draw MathML by themselves."""

import re
import warnings
from copy import deepcopy
from pathlib import Path

from latex2mathml import converter
from nbformat import NotebookNode

TEMPLATES = Path(__file__).parent / "templates"
FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\\w$])\$([^\s$][^$\n]*?)\$(?!\w)", flags=re.DOTALL)
"""LaTeX between dollar signs, as Jupyter shows it."""


def page(executed: NotebookNode, title: str) -> str:
    """The page; `title` is what the browser's tab says."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(
        template_name="notebook",
        extra_template_basedirs=[str(TEMPLATES)],
        exclude_output_prompt=True,
        exclude_input_prompt=True,
        exclude_anchor_links=True,
    )
    shown = deepcopy(executed)
    tags = {tag for cell in shown.cells for tag in cell.metadata.get("tags", [])}
    if "injected-parameters" in tags:  # the defaults that they replace would only confuse
        shown["cells"] = [cell for cell in shown.cells if "parameters" not in cell.metadata.get("tags", [])]
    for cell in shown.cells:
        if cell.cell_type == "markdown":
            cell["source"] = to_mathml(cell.source)
        for output in cell.get("outputs", []):
            if words := output.get("data", {}).get("text/markdown"):
                output["data"]["text/markdown"] = to_mathml(words)
    css = (TEMPLATES / "notebook/style.css").read_text() + _colours()
    with warnings.catch_warnings(action="ignore"):
        body, _ = exporter.from_notebook_node(shown, resources={"title": title, "css": css})
    return str(body)


def to_mathml(markdown: str) -> str:
    """Markdown with `$…$` as inline and `$$…$$` as display formulas in MathML; an escaped dollar stays a dollar."""
    return FORMULA.sub(_formula, markdown)


def _formula(match: re.Match[str]) -> str:
    display = match[1] is not None
    found = converter.convert((match[1] or match[2]).strip(), display="block" if display else "inline")
    if display:  # wider than a telephone's screen, it scrolls, also by keyboard
        found = found.replace("<math ", '<math tabindex="0" ', 1)
    # Markdown must not take a formula's underscores and stars for its own, nor a formula for several paragraphs.
    return re.sub(r"\s*\n\s*", " ", found)


def _colours() -> str:
    """Colours for code, on light and on dark."""
    from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]

    light = HtmlFormatter(style="default", nobackground=True).get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark", nobackground=True).get_style_defs(".highlight")
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}"
