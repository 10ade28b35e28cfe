"""The verdicts on the papers' claims as a piece of the report."""

from collections.abc import Mapping
from html import escape
from typing import Any

import pandas as pd

from samo.claims.table import ALL, effect, reading
from samo.study import page

MARKS = {"supported": "✓", "contradicted": "✗", "undecided": "?", "not run": "·"}
"""Shapes beside the words: no verdict is told by colour alone."""


def whole(claims: pd.DataFrame) -> str:
    """A row a claim: its sentence and source, the verdict on the whole of it, and why."""
    body = [
        f'<tr><td data-sort="{row["number"]}">{row["number"]}</td>'
        f'<th scope="row">{escape(row["claim"])}<small>{escape(row["source"])}</small></th>'
        f"{_verdict(row)}<td>{escape(_text(row['why']))}</td></tr>"
        for row in claims[claims["dataset"] == ALL].to_dict("records")
    ]
    return page.sortable("claims", "The papers' claims, and ours", ["", "claim", "verdict", "why"], body)


def comparisons(claims: pd.DataFrame) -> str:
    """Every comparison that was run, folded away, with what it takes to read so many of them."""
    done = claims[(claims["dataset"] != ALL) & (claims["verdict"] != "not run")]
    body = [
        f'<tr><td data-sort="{row["number"]}">{row["number"]}</td>'
        + "".join(f"<td>{escape(_text(row[key]))}</td>" for key in ("dataset", "base", "case"))
        + f"<td>{escape(effect(row))}</td><td>{escape(_text(row['needs']))}</td>{_verdict(row)}"
        + f"<td>{_link(row['figure'])}</td></tr>"
        for row in done.to_dict("records")
    ]
    heads = ["claim", "dataset", "base", "case", "effect (95 %)", "holds if", "verdict", "figure"]
    table = page.sortable("comparisons", "Comparisons behind the verdicts", heads, body)
    return f"{page.paragraph(reading(claims))}<details><summary>All comparisons</summary>{table}</details>"


def _verdict(row: Mapping[Any, Any]) -> str:
    word = str(row["verdict"])
    kind = word.replace(" ", "-")
    return f'<td class="verdict {kind}" data-sort="{escape(word)}">{MARKS[word]} {escape(word)}</td>'


def _link(name: object) -> str:
    """To the figure on this page; empty where none was drawn."""
    return f'<a href="#{escape(name)}">{escape(name)}</a>' if isinstance(name, str) and name else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
