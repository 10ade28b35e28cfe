"""The verdicts on the papers' claims as a piece of the report."""

from collections.abc import Mapping, Sequence
from html import escape
from types import MappingProxyType
from typing import Any

import pandas as pd

from samo.claims.table import ALL, effect, reading
from samo.figures.palette import VERDICTS
from samo.study.report import page


def whole(claims: pd.DataFrame, reference: Mapping[int, str] = MappingProxyType({})) -> str:
    """A row a claim: its sentence and source, the verdict on the whole of it, and why.

    `reference` holds the reference run's verdicts by claim; where there are some, they have a column of their own.
    """
    body = [
        f'<tr><td data-sort="{row["number"]}">{row["number"]}</td>'
        f'<th scope="row">{escape(row["claim"])}<small>{escape(row["source"])}</small></th>'
        f"{_word(reference[row['number']]) if reference else ''}"
        f"{_word(row['verdict'])}<td>{escape(_said(row))}</td></tr>"
        for row in claims[claims["dataset"] == ALL].to_dict("records")
    ]
    verdicts = ["reference run", "this run"] if reference else ["verdict"]
    return page.sortable("claims", "The papers' claims, and ours", ["no.", "claim", *verdicts, "why (this run)"], body)


def comparisons(claims: pd.DataFrame) -> str:
    """Every comparison that was run, folded away, with what it takes to read so many of them."""
    table = _compared("comparisons", "Comparisons behind the verdicts", claims)
    return f"{page.paragraph(reading(claims))}<details><summary>All comparisons</summary>{table}</details>"


def of(claims: pd.DataFrame, numbers: Sequence[int]) -> str:
    """The comparisons of these claims alone; nothing where none was run."""
    part = claims[claims["number"].isin(list(numbers))]
    named = "-".join(map(str, numbers))
    some = "claim" if len(numbers) == 1 else "claims"
    title = f"Paired by seed, for {some} {' and '.join(map(str, numbers))}"
    return _compared(f"comparisons-{named}", title, part) if len(_run(part)) else ""


def _run(claims: pd.DataFrame) -> pd.DataFrame:
    return claims[(claims["dataset"] != ALL) & ~claims["verdict"].isin(["not run", "not testable"])]


def _compared(name: str, title: str, claims: pd.DataFrame) -> str:
    """A row a comparison that was run."""
    body = [
        f'<tr><td data-sort="{row["number"]}">{row["number"]}</td>'
        + "".join(page.cell(_text(row[key])) for key in ("dataset", "base", "case"))
        + page.cell(effect(row), row["effect"])
        + f"{page.cell(_text(row['needs']))}{_word(row['verdict'])}<td>{_link(row['figure'])}</td></tr>"
        for row in _run(claims).to_dict("records")
    ]
    heads = ["claim", "dataset", "base", "case", "effect (95 %)", "holds if", "verdict", "figure"]
    return page.sortable(name, title, heads, body)


def _word(word: str) -> str:
    kind = word.replace(" ", "-")
    return f'<td class="verdict {kind}" data-sort="{escape(word)}">{VERDICTS[word][0]} {escape(word)}</td>'


def _link(name: object) -> str:
    """To the figure on this page; empty where none was drawn."""
    return f'<a href="#{escape(name)}">{escape(name)}</a>' if isinstance(name, str) and name else ""


def _said(row: Mapping[Any, Any]) -> str:
    """The pooled effect, why, and what the verdict speaks of."""
    found = effect(row)
    parts = (found if found != "—" else "", _text(row["why"]), _text(row["regime"]))
    return "; ".join(filter(None, parts))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
