"""Pieces of the report as HTML. Every name that comes from params.yaml or from a run is escaped here."""

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd

from samo.figures.palette import COLOURS, GRID, INK, MUTED, colour, label, spoken
from samo.tables import is_reference, limits, metric_columns, text
from samo.verdict import clear_best

# Each colour becomes a custom property of the page, so that figures follow the reader's light or dark.
VARIABLES = {INK: "ink", MUTED: "muted", GRID: "grid"} | {
    shade: f"c-{name}" for name, shade in COLOURS.items() if name not in ("none", "placebo")
}


def paragraph(words: str, kind: str = "") -> str:
    """Plain words as a paragraph of class `kind`."""
    return f'<p class="{escape(kind)}">{escape(words)}</p>' if kind else f"<p>{escape(words)}</p>"


def bullets(lines: Sequence[str]) -> str:
    """Plain words as a list."""
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def inline_svg(svg: str, name: str) -> str:
    """An SVG to stand inside the page: ids of its own, colours as the page's custom properties."""
    prefix = re.sub(r"[^a-zA-Z0-9]", "-", name)
    out = svg[svg.index("<svg") :]
    out = re.sub(r"<metadata>.*?</metadata>", "", out, flags=re.DOTALL)
    out = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', out)
    out = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", out)
    out = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', out)
    return themed(out)


def themed(html: str) -> str:
    """The same with the palette's colours as the page's custom properties."""
    for shade, variable in VARIABLES.items():
        html = re.sub(re.escape(shade), f"var(--{variable}, {shade})", html, flags=re.IGNORECASE)
    return html


def figure(name: str, svg: str | None, words: str, caption: str) -> str:
    """A figure with alternative text, caption, its numbers one click away, and how it is made anew.

    `svg` is None where there is nothing to draw yet; the gap is then said in its place.
    """
    if svg is None:
        return f'<p class="gap">No figure <code>{escape(name)}</code>: what it shows has not been run.</p>'
    drawing = inline_svg(svg, name).replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
    return (
        f'<figure id="{escape(name)}">'
        f'<div class="drawing" role="img" tabindex="0" aria-label="{escape(words)}">'
        f"{drawing}</div><figcaption>{escape(caption)} "
        f'<a href="../figures/{escape(name)}.csv">Numbers (CSV)</a> · '
        f'<a href="../figures/{escape(name)}.svg">figure (SVG)</a>. Drawn by <code>dvc repro tables</code>.'
        "</figcaption></figure>"
    )


def main_table(dataset: str, table: pd.DataFrame) -> str:
    """The main table, sortable: STL first, bold only where an interval stands clear of all others."""
    metrics = metric_columns(table)
    bold, single = clear_best(table), is_reference(table)
    heads = ["method", "Δm, %", "Δm − base", "mean rank", *metrics]
    body = []
    for row, known in zip(table.to_dict("records"), single, strict=True):
        kinds = ["reference"] * known + ["best"] * (row["method"] == bold)
        cells = [_interval(row, "delta_m"), _interval(row, "gain"), _number(row.get("mean_rank"), 1)]
        for metric in metrics:
            width = text(row[f"{metric} high"] - row[metric], 2)
            shown = text(row[metric], 2) + ("" if width == "—" else f" <small>± {width}</small>")
            cells.append(_cell(shown, row[metric], raw=True))
        attribute = f' class="{" ".join(kinds)}"' if kinds else ""
        body.append(f"<tr{attribute}>{_method(row, known)}{''.join(cells)}</tr>")
    return sortable(f"{dataset}-main", f"{label(dataset)}: test results after the last epoch", heads, body)


def choice_table(dataset: str, table: pd.DataFrame) -> str:
    """What the search chose for each method."""
    body = [
        f"<tr>{_method(row, known)}{_number(row.get('lr'))}{_number(row.get('rho'))}{_number(row['n_seeds'], 0)}</tr>"
        for row, known in zip(table.to_dict("records"), is_reference(table), strict=True)
    ]
    heads = ["method", "learning rate", "ρ", "seeds"]
    return sortable(f"{dataset}-choice", f"{label(dataset)}: chosen on validation data", heads, body, "short ")


def cost_table(dataset: str, cost: pd.DataFrame) -> str:
    """What a step takes, and how much more than its base method's, with loading and without."""
    columns = ("step_ms", "ratio", "count_ratio", "extra_percent", "extra_percent_loaded", "memory_mb")
    heads = ["method", "step, ms", "× LS", "× LS by count", "over its base, %", "with loading, %", "memory, MB"]
    body = [
        f'<tr><th scope="row"><code>{escape(str(row["method"]))}</code></th>'
        + "".join(_number(row.get(column), 0 if column.startswith("extra") else 2) for column in columns)
        + "</tr>"
        for row in cost.to_dict("records")
    ]
    return sortable(f"{dataset}-cost-table", f"{label(dataset)}: a step on this machine", heads, body, "short ")


def notebooks_table(rows: Sequence[tuple[str, str]]) -> str:
    """Links to executed notebooks: (stage, file name without ending)."""
    body = [
        f'<tr><th scope="row"><code>{escape(stage)}</code></th>'
        f'<td><a href="../executed/{escape(name)}.html">read</a></td>'
        f'<td><a href="../executed/{escape(name)}.ipynb">open in Jupyter</a></td></tr>'
        for stage, name in rows
    ]
    return sortable("notebooks", "Executed notebooks", ["stage", "as a page", "as a notebook"], body)


def facts(title: str, values: Mapping[str, Any]) -> str:
    """A small two-column list of facts under a heading."""
    rows = "".join(
        f"<dt>{escape(str(k).replace('_', ' '))}</dt><dd>{escape(_words(v))}</dd>" for k, v in values.items()
    )
    return f'<div class="facts"><h3>{escape(title)}</h3><dl>{rows}</dl></div>'


def _words(value: object) -> str:
    if isinstance(value, Mapping):
        plain = {k: v for k, v in value.items() if not isinstance(v, Mapping | list | tuple)}
        return ", ".join(f"{str(k).replace('_', ' ')} {_words(v)}" for k, v in plain.items())
    if isinstance(value, str) and re.fullmatch("[0-9a-f]{32,}", value):
        return f"{value[:12]}…"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ", ".join(_words(item) for item in value) if isinstance(value, list | tuple) else str(value)
    return f"{value:,}" if isinstance(value, int) else text(value)


def _method(row: Mapping[Any, Any], single: bool) -> str:
    name, said, shade = escape(str(row["method"])), "", "muted"
    if single:
        said = "one network a task"
    elif isinstance(row.get("aggregator"), str):
        said = escape(spoken(row["aggregator"], row["sharpness"]))
        shade = VARIABLES.get(colour(row["sharpness"]), "ink")
    dot = f'<span class="dot" style="background:var(--{shade})"></span>'
    return f'<th scope="row" data-sort="{name}">{dot}<code>{name}</code><small>{said}</small></th>'


def _interval(row: Mapping[Any, Any], name: str) -> str:
    between = limits(row, name)
    shown = text(row.get(name), 2) + ("" if between == "—" else f" <small>{between}</small>")
    return _cell(shown, row.get(name), raw=True)


def _number(value: object, digits: int | None = None) -> str:
    return _cell(text(value, digits), value)


def _cell(shown: str, key: object, raw: bool = False) -> str:
    sort = f' data-sort="{key:.6g}"' if isinstance(key, int | float) and key == key else ""
    return f"<td{sort}>{shown if raw else escape(shown)}</td>"


def sortable(name: str, caption: str, heads: Sequence[str], body: Sequence[str], kind: str = "") -> str:
    """A sortable table of ready-made rows; `kind` is further classes of it."""
    columns = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    title = escape(caption)
    return (
        f'<div class="table" role="region" tabindex="0" aria-label="{title}">'
        f'<table id="{escape(name)}" class="{kind}sortable">'
        f"<caption>{title}</caption><thead><tr>{columns}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )
