"""What the report is built from: the ways to turn tables and figures into pieces of HTML."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from samo.figures.palette import label
from samo.study.config import Params
from samo.study.report import figures
from samo.study.report.page import profiles, render
from samo.study.report.page.render import Piece
from samo.study.report.sources import Sources
from samo.study.report.table import Table


@dataclass(frozen=True)
class Pieces:
    """Pieces for the project in `root` with the profile `params`."""

    root: Path
    params: Params

    @cached_property
    def sources(self) -> Sources:
        return Sources(self.root, self.params)

    @property
    def datasets(self) -> list[str]:
        return list(self.params.datasets)

    def html(self, macro: str, *content: object) -> Piece:
        """See `samo.study.report.page.render.html`."""
        return render.html(self.root, macro, *content)

    def _each(self, piece: Callable[[str], Piece]) -> Piece:
        return Piece().join(map(piece, self.datasets))

    def _table(self, table: Table) -> Piece:
        """The table; nothing if it has no rows."""
        return self.html("table", table) if table.rows else Piece()

    def _folded(self, table: Table) -> Piece:
        return self.html("folded", f"{table.caption} ({len(table.rows)} rows)", self.html("table", table))

    def _said(self, dataset: str, words: str) -> Piece:
        """A sentence, preceded by the dataset that it is about."""
        return self.html("paragraph", f"{label(dataset)}. {words}")

    def _gap(self, words: str) -> Piece:
        return self.html("paragraph", words, "gap")

    def _absent(self, what: str, holds: profiles.Holds) -> Piece:
        return self._gap(profiles.absent(self.root, what, holds))

    def _drawn(self, of: str, kind: str, title: str, caption: str) -> Piece:
        """The figure <of>-<kind>; nothing if it has not been drawn."""
        found = figures.read(self.root, self.params, of, kind)
        title = f"{label(of)}: {title}" if of in self.datasets else title
        return self.html("figure", found, title, caption) if found else Piece()

    def figure(self, of: str, kind: str, title: str, caption: str) -> Piece:
        """A figure of a dataset, or of "toys", "all", "reference" or "second"; a line that says so if there is none."""
        missing = f"No figure `{of}-{kind}`: what it shows has not been run."
        return self._drawn(of, kind, title, caption) or self._gap(missing)
