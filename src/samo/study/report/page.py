"""Pieces of the report as HTML. Every name that comes from params.yaml or from a run is escaped here."""

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from samo.results.tables import limits, text


def paragraph(words: str, kind: str = "") -> str:
    """Plain words as a paragraph of class `kind`; what stands between backticks is code."""
    shown = with_code(words)
    return f'<p class="{escape(kind)}">{shown}</p>' if kind else f"<p>{shown}</p>"


def bullets(lines: Sequence[str], kind: str = "") -> str:
    """Plain words as a list of class `kind`; what stands between backticks is code."""
    attribute = f' class="{escape(kind)}"' if kind else ""
    return f"<ul{attribute}>" + "".join(f"<li>{with_code(line)}</li>" for line in lines) + "</ul>"


def with_code(words: str) -> str:
    """Plain words as HTML; what stands between backticks is code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(words))


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


def number(value: object, digits: int | None = None) -> str:
    """A number as a cell of a table."""
    return cell(text(value, digits), value)


def interval(row: Mapping[Any, Any], name: str) -> str:
    """Column `name` of a row with its limits, `name`_low and `name`_high, as a cell."""
    between = limits(row, name)
    shown = text(row.get(name), 2) + ("" if between == "—" else f" <small>{between}</small>")
    return cell(shown, row.get(name), raw=True)


def cell(shown: str, key: object = None, raw: bool = False) -> str:
    """A cell that shows something (`raw`: as HTML) and is sorted by a number, if there is one."""
    sort = f' data-sort="{key:.6g}"' if isinstance(key, int | float) and key == key else ""
    return f"<td{sort}>{shown if raw else escape(shown)}</td>"


def sortable(name: str, caption: str, heads: Sequence[str], body: Sequence[str], kind: str = "", note: str = "") -> str:
    """A table of ready-made rows that can be sorted and filtered.

    Args:
        name: its id.
        caption: what it shows.
        heads: one a column.
        body: rows as HTML.
        kind: further classes, each with a space behind it.
        note: further words of the caption.
    """
    columns = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    title = escape(caption)
    further = f"<small>{escape(note)}</small>" if note else ""
    return (
        f'<div class="table" role="region" tabindex="0" aria-label="{title}">'
        f'<table id="{escape(name)}" class="{kind}sortable">'
        f"<caption>{title}{further}</caption><thead><tr>{columns}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )
