"""An executed notebook as one HTML page that needs no network: results in sight, code folded away."""

import warnings
from pathlib import Path

from nbformat import NotebookNode

TEMPLATES = Path(__file__).parent / "templates"


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
    css = (TEMPLATES / "notebook/style.css").read_text() + _colours()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        body, _ = exporter.from_notebook_node(executed, resources={"title": title, "css": css})
    return str(body)


def _colours() -> str:
    """Colours for code, on light and on dark."""
    from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]

    light = HtmlFormatter(style="default", nobackground=True).get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark", nobackground=True).get_style_defs(".highlight")
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}"
