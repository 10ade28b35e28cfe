"""Tables for readers: built once from cells, shown as HTML, as Markdown, or on a terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from rich import table as rich_table
from rich.text import Text

from samo.results import tables
from samo.results.tables import limits, text

GAP = "—"
VERDICTS = {
    "supported": ("✓", "bold green"),
    "equivalent": ("≈", "bold cyan"),
    "contradicted": ("✗", "bold red"),
    "undecided": ("?", "yellow"),
    "not testable": ("∅", "dim"),
    "not run": ("·", "dim"),
}
"""Verdict -> its shape (since colour alone must not tell it) and its style on a terminal."""
STYLES = {"best": "bold", **{word.replace(" ", "-"): style for word, (_, style) in VERDICTS.items()}}
"""Kind of a cell -> its style on a terminal."""


@dataclass(frozen=True)
class Cell:
    """One cell."""

    text: str = GAP
    key: float | str | None = None  # what the page sorts it by; None is a gap, always last
    small: str = ""  # further text, smaller or in brackets
    kind: str = ""  # its class on the page: "best", "single" (single-task training: its row is muted), a verdict's
    code: bool = False  # whether the text is a name of params.yaml
    shade: str = ""  # the custom property of a coloured dot before it
    link: str = ""  # where the text links to, on the page only
    unseen: str = ""  # completes the link's words for those who cannot see the table

    @property
    def sort(self) -> str | None:
        """The key as the page writes it."""
        if isinstance(self.key, str):
            return self.key
        return None if self.key is None or self.key != self.key else f"{self.key:.6g}"

    @property
    def plain(self) -> str:
        """In one line, without markup."""
        brackets = self.small if self.small.startswith("±") else f"({self.small})"
        return f"{self.text} {brackets}" if self.small else self.text


@dataclass(frozen=True)
class Table:
    """A table; `heads` has one for each column."""

    name: str  # its id on the page
    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    kind: str = ""  # further classes on the page
    note: str = ""  # further words of the caption
    head: int = 0  # the column that holds the rows' heads
    ids: Sequence[str] = ()  # of the rows, in order, if something links to them


def number(value: object, digits: int | None = None) -> Cell:
    """A number as a cell."""
    return Cell(text(value, digits), value if isinstance(value, int | float) else None)


def interval(row: Mapping[Any, Any], name: str) -> Cell:
    """Column `name` of a row with its limits, `name`_low and `name`_high."""
    return replace(number(row.get(name), 2), small=limits(row, name).strip(GAP))


def width(row: Mapping[Any, Any], metric: str) -> Cell:
    """A metric of the main table with half the width of its interval."""
    if metric not in row:
        return Cell()
    half = text(row[f"{metric} high"] - row[metric], 2)
    return replace(number(row[metric], 2), small="" if half == GAP else f"± {half}")


def verdict(word: str) -> Cell:
    """A verdict with its shape, as a cell."""
    return Cell(f"{VERDICTS[word][0]} {word}", word, kind=f"verdict {word.replace(' ', '-')}")


def markdown(table: Table) -> str:
    """The table in GitHub's Markdown, with its note below."""
    frame = pd.DataFrame([[cell.plain for cell in row] for row in table.rows], columns=list(table.heads))
    return tables.markdown(frame) + (f"\n{table.note}\n" if table.note else "")


def terminal(table: Table, ratios: Mapping[str, int] | None = None) -> rich_table.Table:
    """The table for a terminal of any width, without the small text in the rows' heads.

    `ratios`: head -> share of the width, for columns whose text may be wrapped.
    """
    ratios = ratios or {}
    shown = rich_table.Table(box=None, pad_edge=False, title=Text(table.caption), title_justify="left")
    for place, head in enumerate(table.heads):
        side: Any = "left" if place in (0, table.head) or head in ratios or "verdict" in head else "right"
        shown.add_column(head, justify=side, ratio=ratios.get(head), no_wrap=bool(ratios) and head not in ratios)
    for row in table.rows:
        cells = [(c.text if n == table.head else c.plain, c.kind.rpartition(" ")[2]) for n, c in enumerate(row)]
        shown.add_row(*(Text(words, STYLES.get(kind, "")) for words, kind in cells))
    return shown
