"""The report: what notebooks/report.ipynb shows, piece by piece."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from samo.analysis.toys.losses import TOYS
from samo.figures.palette import label
from samo.results import verdict
from samo.study.config import Params
from samo.study.config import conditions as cells
from samo.study.report import absent, figure_files, page, reference
from samo.study.report import claims as page_claims
from samo.study.report import figure as page_figure
from samo.study.report import published_page as page_published
from samo.study.report import reference_page as page_reference
from samo.study.report import tables as page_tables
from samo.study.report.differs import differs
from samo.study.report.published import KEYS
from samo.study.report.published import load as load_published
from samo.study.report.sources import Sources


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
class Report:
    """One page over the project in `root` with the profile `params`; each method gives a piece of it."""

    root: Path
    params: Params

    @cached_property
    def sources(self) -> Sources:
        """The files that it shows."""
        return Sources(self.root, self.params)

    @property
    def datasets(self) -> list[str]:
        """Those of the profile, in its order."""
        return list(self.params.datasets)

    def headline(self) -> Piece:
        """What the run at hand shows, in one sentence per dataset."""
        return self._each(lambda d: page.paragraph(verdict.headline(label(d), self.sources.table(d)), "headline"))

    def claims(self) -> Piece:
        """What became of the papers' claims, and the comparisons behind the verdicts."""
        found = self.sources.claims()
        if found is None:
            return Piece(page.paragraph("No claim has been judged yet.", "gap"))
        verdicts = reference.verdicts(self.root)
        return Piece(page_claims.whole(found, verdicts) + page_claims.comparisons(found))

    def reference(self) -> Piece:
        """How the shipped reference run was made, and its tables beside those of the run at hand."""
        run = self.sources.reference
        if run is None:
            return Piece(page.paragraph(f"No reference run is shipped in `{reference.FOLDER}`.", "gap"))
        read = self.sources
        said = "".join(page.paragraph(verdict.headline(label(d), run.main(d)), "headline") for d in run.runs)
        tables = self._each(
            lambda d: page_reference.side_by_side(d, read.table(d), run.main(d)) if d in run.runs else ""
        )
        return Piece(said + tables.html + page_reference.about(run))

    def best(self) -> Piece:
        """The best method in one sentence per dataset."""
        return self._each(lambda d: self._said(d, verdict.best(self.sources.table(d))))

    def main_tables(self) -> Piece:
        """Every dataset's main table."""
        read = self.sources
        return self._each(lambda d: page_tables.main_table(d, read.table(d), read.measures(d), read.best(d)))

    def published(self) -> Piece:
        """Of every dataset the papers' numbers beside the reference run's and ours, with what differs."""
        printed, run = load_published(self.root), self.sources.reference

        def beside(dataset: str) -> str:
            shipped = None
            if run is not None and dataset in run.runs:
                shipped = page_published.Shipped(run.main(dataset), differs(self.root, run.params, dataset))
            own = differs(self.root, self.params, dataset)
            return page_published.beside(dataset, self.sources.table(dataset), printed, own, shipped)

        return self._each(beside)

    def missing_datasets(self) -> Piece:
        """A line for each of the papers' datasets that the profile does not have."""
        gone = [key for key in (*KEYS.values(), "officehome") if key not in self.params.datasets]
        lines = [absent.line(self.root, label(key), absent.has_dataset(key)) for key in gone]
        return Piece(page.bullets(lines, "gap") if lines else page.paragraph("All of them are here."))

    def dataset(self, key: str) -> Piece:
        """Where a dataset's table is, or that the profile does not have it."""
        if key not in self.params.datasets:
            return Piece(self._absent(label(key), absent.has_dataset(key)))
        return Piece(f'<p>{label(key)} is in this profile: <a href="#{key}-main">its table</a>.</p>')

    def first_figure(self, kind: str, title: str, caption: str) -> Piece:
        """A figure of the dataset on which most methods ran."""
        return Piece(self._figure(self._widest, kind, title, caption))

    def other_figures(self, kind: str, title: str, caption: str) -> Piece:
        """The same of the other datasets."""
        return self._each(lambda d: "" if d == self._widest else self._figure(d, kind, title, caption))

    def figures(self, kind: str, title: str, caption: str) -> Piece:
        """Every dataset's figure of this kind, a kind of samo.study.report.drawings."""
        analysis = figure_files.ANALYSES.get(kind)
        if analysis is not None and analysis not in self.params.analyses:
            return Piece(self._absent(f"the analysis {analysis}", absent.has_analysis(analysis)))
        return self._each(lambda d: self._figure(d, kind, title, caption))

    def figure(self, of: str, kind: str, title: str, caption: str) -> Piece:
        """A figure that belongs to no dataset: `of` is "toys", "all" or "reference"."""
        return Piece(self._figure(of, kind, title, caption))

    def toy_steps(self) -> Piece:
        """Each toy with a slider over the steps of the trajectories."""
        found = [self.root / "reports/figures" / f"toys-{toy}.html" for toy in TOYS]
        sliders = [page_figure.themed(path.read_text(encoding="utf-8")) for path in found if path.exists()]
        drawn = figure_files.read(self.root, self.params, "toys", "paths", "", "All steps of both toys as a picture:")
        return Piece("".join(sliders) + (f'<p class="caption">{page_figure.foot(drawn)}</p>' if drawn else ""))

    def ablation(self, what: str, *sharpness: str, claims: tuple[int, ...] = ()) -> Piece:
        """Every dataset's Delta-m by aggregator under each of these sharpnesses, and the claims' comparisons of them.

        One line where the profile has not all of them but "none" on some dataset; `what` names them there.
        """
        wanted = absent.has_sharpness(*(name for name in sharpness if name != "none"))
        if not wanted(self.params):
            return Piece(self._absent(what, wanted))
        out = "".join(page_tables.ablation(d, self.sources.table(d), sharpness) for d in self.datasets)
        found = self.sources.claims()
        return Piece(out + ("" if found is None else page_claims.of(found, claims)))

    def single_task_sharpness(self, what: str) -> Piece:
        """Whether a sharpness is tried on single-task networks: where its row is, or that the profile has none."""
        wanted = absent.has_sharpness("fmtl", separate=True)
        if not wanted(self.params):
            return Piece(self._absent(what, wanted))
        return Piece(page.paragraph(f"{what}: rows of the main tables."))

    def sensitivity(self, title: str, caption: str) -> Piece:
        """Of every dataset with variants, what they show in a sentence and a figure."""
        told = ""
        for dataset in self.datasets:
            table = self.sources.sensitivity(dataset)
            if len(table):
                told += page.paragraph(verdict.settings(label(dataset), table))
                told += self._figure(dataset, "sensitivity", title, caption)
        if not told and self.params.sensitivity.datasets:
            told = page.paragraph("No variant of a setting has been run yet.", "gap")
        return Piece(told or self._absent("variants of any setting", lambda p: bool(p.sensitivity.datasets)))

    def setting(self, field: str) -> Piece:
        """Of every dataset with variants of one field their table."""
        found = {d: self.sources.sensitivity(d) for d in self.datasets}
        out = "".join(
            page_tables.settings_table(d, table, field) for d, table in found.items() if field in set(table["field"])
        )
        return Piece(out or self._absent(f"variants of {field}", absent.varies(field)))

    def costs(self) -> Piece:
        """What a step of each method takes on each dataset."""
        return self._each(lambda d: page_tables.cost_table(d, self.sources.numbers(d, "cost")))

    def choices(self) -> Piece:
        """Every dataset's chosen learning rates and rhos."""
        return self._each(lambda d: page_tables.choice_table(d, self.sources.table(d)))

    def agreement(self) -> Piece:
        """Whether sharpness raises the cosine between task gradients, in one sentence a dataset."""
        read = self.sources
        return self._each(lambda d: self._said(d, verdict.agreement(read.table(d), read.numbers(d, "cosine"))))

    def flatness(self) -> Piece:
        """Whether the largest eigenvalues are smaller with sharpness than without, in one sentence a dataset."""
        read = self.sources
        return self._each(lambda d: self._said(d, verdict.flatness(read.table(d), read.numbers(d, "curvature"))))

    def caveats(self) -> Piece:
        """What limits the numbers, counted from the data."""
        read = self.sources
        return Piece(
            page.bullets(
                [
                    f"{label(d)}: {line}"
                    for d in self.datasets
                    for line in verdict.caveats(read.table(d), read.trials(d))
                ]
            )
        )

    def data(self) -> Piece:
        """Every dataset's datasheet, as `prepare` wrote it, and its settings in the profile."""
        return self._each(lambda d: page.facts(label(d), self.sources.sheet(d)))

    def notebooks(self) -> Piece:
        """Links to the executed notebooks: of every condition, and of what comes before and after them."""
        rows = [(cell.stage, f"train-{cell.dataset}-{cell.method}") for cell in cells.cells(self.params)]
        for dataset in self.datasets:
            rows.append((f"prepare@{dataset}", f"prepare-{dataset}"))
            rows += [(f"analyse@{dataset}-{name}", f"{name}-{dataset}") for name in self.params.analyses]
        return Piece(page_tables.notebooks_table([*rows, ("toys", "toys"), ("tables", "tables")]))

    @property
    def _widest(self) -> str:
        return max(self.datasets, key=lambda d: len(self.params.main_on(d)))

    def _each(self, piece: Callable[[str], str]) -> Piece:
        return Piece("".join(map(piece, self.datasets)))

    def _said(self, dataset: str, words: str) -> str:
        """A sentence, after the dataset that it is about."""
        return page.paragraph(f"{label(dataset)}. {words}")

    def _absent(self, what: str, holds: absent.Holds) -> str:
        return page.paragraph(absent.line(self.root, what, holds), "gap")

    def _figure(self, of: str, kind: str, title: str, caption: str) -> str:
        found = figure_files.read(self.root, self.params, of, kind, title, caption)
        if found is None:
            words = f"No figure `{of}-{kind}`: what it shows has not been run."
            return page.paragraph(words, "gap")
        return page_figure.html(found)
