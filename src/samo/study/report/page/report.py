"""The report: what notebooks/report.ipynb shows, piece by piece."""

import io
import zipfile
from dataclasses import replace

from samo.figures.palette import label
from samo.results import verdict
from samo.study.report import figures, tables
from samo.study.report.page import index, profiles
from samo.study.report.page.render import Piece
from samo.study.report.page.shipped import Shipped
from samo.study.report.provenance import provenance
from samo.study.report.table import GAP, Table

SHOWN = 5  # rows of a long table that are shown unfolded


class Report(Shipped):
    """One page about a project; each method makes a piece of it, mostly about the run at hand."""

    def best(self) -> Piece:
        """The best method in one sentence per dataset."""
        return self._each(lambda d: self._said(d, verdict.best(self.sources.table(d))))

    def main_tables(self) -> Piece:
        """Every dataset's main table."""
        read = self.sources
        return self._each(lambda d: self._excerpt(tables.main(d, read.table(d), read.measures(d), read.best(d))))

    def _excerpt(self, table: Table) -> Piece:
        """A long main table: its reference and the rows with the lowest Delta-m, then all of it, folded."""
        if len(table.rows) <= SHOWN + 1:
            return self._table(table)
        rows = sorted(table.rows, key=lambda row: (row[0].kind != "single", row[1].text == GAP, row[1].key))
        caption = f"{table.caption}: the {SHOWN} rows with the lowest Δm"
        short = replace(table, name=f"{table.name}-top", caption=caption, rows=rows[:SHOWN])
        return self._table(short) + self._folded(table)

    def dataset(self, key: str) -> Piece:
        """Says where a dataset's table is, or that the profile does not have the dataset."""
        if key not in self.datasets:
            return self._absent(label(key), profiles.has_dataset(key))
        return self.html("go_to", "its table", f"{label(key)} is in this profile", f"{key}-main")

    @property
    def _widest(self) -> str:
        """The dataset on which the most methods ran."""
        return max(self.datasets, key=lambda d: len(self.params.main_on(d)))

    def first_figure(self, kind: str, title: str, caption: str) -> Piece:
        """A figure of the dataset on which the most methods ran."""
        return self.figure(self._widest, kind, title, caption)

    def other_figures(self, kind: str, title: str, caption: str) -> Piece:
        """The same figure of the other datasets."""
        return self._each(lambda d: Piece() if d == self._widest else self.figure(d, kind, title, caption))

    def figures(self, kind: str, title: str, caption: str) -> Piece:
        """Every dataset's figure of this kind, a kind of samo.study.report.drawings."""
        analysis = figures.ANALYSES.get(kind)
        if analysis is not None and analysis not in self.params.analyses:
            return self._absent(f"the analysis {analysis}", lambda p: analysis in p.analyses)
        return self._each(lambda d: self.figure(d, kind, title, caption))

    def ablation(self, what: str, *sharpness: str, claims: tuple[int, ...] = ()) -> Piece:
        """Every dataset's Delta-m by aggregator under each of these sharpnesses, and the claims' comparisons of them.

        If no dataset of the profile has them all ("none" aside), one line says so; it calls them `what`.
        """
        wanted = profiles.has_sharpness(*(name for name in sharpness if name != "none"))
        if not wanted(self.params):
            return self._absent(what, wanted)
        shown = self._each(lambda d: self._table(tables.ablation(d, self.sources.table(d), sharpness)))
        title = f"Paired by seed, for claim{'s' * (len(claims) > 1)} {' and '.join(map(str, claims))}"
        judged = self.sources.claims()
        part = judged[judged["number"].isin(claims)]
        return shown + self._table(tables.comparisons(part, f"comparisons-{'-'.join(map(str, claims))}", title))

    def single_task_sharpness(self, what: str) -> Piece:
        """Says where the row of a sharpness on single-task networks is, or that the profile has none."""
        wanted = profiles.has_sharpness("fmtl", separate=True)
        if not wanted(self.params):
            return self._absent(what, wanted)
        return self.html("paragraph", f"{what}: rows of the main tables.")

    def sensitivity(self, title: str, caption: str) -> Piece:
        """For every dataset with variants, what they show, in a sentence and a figure."""
        told = Piece()
        for dataset in self.datasets:
            table = self.sources.sensitivity(dataset)
            if len(table):
                told += self.html("paragraph", verdict.settings(label(dataset), table))
                told += self.figure(dataset, "sensitivity", title, caption)
        if not told and self.params.sensitivity.datasets:
            return self._gap("No variant of a setting has been run yet.")
        return told or self._absent("variants of any setting", lambda p: bool(p.sensitivity.datasets))

    def setting(self, field: str) -> Piece:
        """For every dataset with variants of one field, their table."""
        shown = self._each(lambda d: self._table(tables.settings(d, self.sources.sensitivity(d), field)))
        return shown or self._absent(f"variants of {field}", profiles.varies(field))

    def costs(self) -> Piece:
        """What a step of each method takes on each dataset."""
        return self._each(lambda d: self._folded(tables.cost(d, self.sources.numbers(d, "cost"))))

    def choices(self) -> Piece:
        """Every dataset's chosen learning rates and rhos."""
        return self._each(lambda d: self._folded(tables.choice(d, self.sources.table(d))))

    def agreement(self) -> Piece:
        """Whether sharpness raises the cosine between task gradients, in one sentence per dataset."""
        read = self.sources
        return self._each(lambda d: self._said(d, verdict.agreement(read.table(d), read.numbers(d, "cosine"))))

    def flatness(self) -> Piece:
        """Whether the largest eigenvalues are smaller with sharpness than without, in one sentence per dataset."""
        read = self.sources
        return self._each(lambda d: self._said(d, verdict.flatness(read.table(d), read.numbers(d, "curvature"))))

    def caveats(self) -> Piece:
        """What limits the numbers, counted from the data."""
        found = {d: verdict.caveats(self.sources.table(d), self.sources.trials(d)) for d in self.datasets}
        return self.html("bullets", [f"{label(d)}: {line}" for d, lines in found.items() for line in lines])

    def data(self) -> Piece:
        """Every dataset's datasheet, as `prepare` wrote it, and its settings in the profile."""
        return self._each(lambda d: self.html("facts", label(d), self.sources.sheet(d)))

    def notebooks(self) -> Piece:
        """Links to the executed notebooks: of every condition, and of what comes before and after them."""
        return self._folded(tables.notebooks([*index.names(self.params), ("toys", "toys"), ("tables", "tables")]))

    def downloads(self) -> Piece:
        """All tidy tables in one file, and how to cite the page."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as out:
            for path in sorted((self.root / "reports/tables").glob("*.csv")):
                out.writestr(zipfile.ZipInfo(path.name), path.read_bytes(), zipfile.ZIP_DEFLATED)
        link = figures.data_uri(packed.getvalue(), "application/zip")
        return self.html("downloads", link, len(packed.getvalue()) // 1000, provenance(self.root))
