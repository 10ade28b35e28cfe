"""What the report is built from: a piece of HTML, and the ways to turn tables and figures into one."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from samo.figures.palette import label
from samo.study.config import Params
from samo.study.report import figures
from samo.study.report.page import profiles, render
from samo.study.report.sources import Sources
from samo.study.report.table import GAP, Table

SHOWN = 5  # rows of a long table that are shown unfolded


@dataclass(frozen=True, repr=False)
class Piece:
    """HTML that a notebook shows as such."""

    html: str

    def __repr__(self) -> str:
        """Short, since a notebook stores it beside the HTML."""
        return "a piece of the report"

    def _repr_html_(self) -> str:
        return self.html


@dataclass(frozen=True)
class Pieces:
    """Pieces for the project in `root` with the profile `params`."""

    root: Path
    params: Params

    @cached_property
    def sources(self) -> Sources:
        return Sources(self.root, self.params)

    def html(self, macro: str, *content: object) -> str:
        """A piece of the page's HTML, made by a macro of reports/template/macros.html.j2."""
        return render.html(self.root, macro, *content)

    @property
    def datasets(self) -> list[str]:
        return list(self.params.datasets)

    @property
    def _widest(self) -> str:
        return max(self.datasets, key=lambda d: len(self.params.main_on(d)))

    def _each(self, piece: Callable[[str], str]) -> Piece:
        return Piece("".join(map(piece, self.datasets)))

    def _tables(self, of: Callable[[str], Table | None]) -> Piece:
        found = filter(None, map(of, self.datasets))
        return Piece("".join(self.html("table", table) for table in found))

    def _folded(self, table: Table) -> str:
        return self.html("folded", f"{table.caption} ({len(table.rows)} rows)", self.html("table", table))

    def _excerpt(self, table: Table) -> str:
        """A long main table: its reference and the rows with the lowest Delta-m, then all of it, folded."""
        if len(table.rows) <= SHOWN + 1:
            return self.html("table", table)
        rows = sorted(table.rows, key=lambda row: (row[0].kind != "single", row[1].text == GAP, row[1].key))
        caption = f"{table.caption}: the {SHOWN} rows with the lowest Δm"
        short = replace(table, name=f"{table.name}-top", caption=caption, rows=rows[:SHOWN])
        return self.html("table", short) + self._folded(table)

    def _said(self, dataset: str, words: str) -> str:
        """A sentence, preceded by the dataset that it is about."""
        return self.html("paragraph", f"{label(dataset)}. {words}")

    def _gap(self, words: str) -> Piece:
        return Piece(self.html("paragraph", words, "gap"))

    def _absent(self, what: str, holds: profiles.Holds) -> Piece:
        return self._gap(profiles.absent(self.root, what, holds))

    def _figure(self, of: str, kind: str, title: str, caption: str) -> str:
        found = figures.read(self.root, self.params, of, kind, title, caption)
        words = f"No figure `{of}-{kind}`: what it shows has not been run."
        return self.html("paragraph", words, "gap") if found is None else self.html("figure", found)
