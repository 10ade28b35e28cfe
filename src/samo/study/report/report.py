"""The report: what notebooks/report.ipynb shows, piece by piece."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from samo.claims.table import reading
from samo.figures.palette import label
from samo.results import verdict
from samo.study.config import Params, conditions
from samo.study.report import drawings, figures, page, profiles, published, reference, tables
from samo.study.report.provenance import provenance
from samo.study.report.sources import Sources
from samo.study.report.table import VERDICTS, Cell, Table

SHOWN = 5
"""Rows of a long table that are open."""


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

    def html(self, macro: str, *content: object) -> str:
        """A piece of the page's HTML, by a macro of reports/template/macros.html.j2."""
        return page.html(self.root, macro, *content)

    @property
    def datasets(self) -> list[str]:
        """Those of the profile, in its order."""
        return list(self.params.datasets)

    @cached_property
    def shipped(self) -> reference.Reference | None:
        """The shipped reference run; None where there is none."""
        return reference.load(self.root)

    def first(self) -> Piece:
        """The first screen: the answer from the shipped reference runs, one picture, and the claims at a glance."""
        run, second = self.shipped, drawings.second(self.root)
        if run is None:
            return self.headline()
        caption = "Pooled over datasets and aggregators with the most seeds; lines are 95 % intervals."
        of, budgets = ("second", second) if len(second) else ("reference", run.budgets)
        drawn = self._figure(of, "compute", "What compute buys: the gain of each sharpness", caption)
        strip = self.html("strip", tables.strip(self._judged()), VERDICTS)
        return Piece(self.html("first", verdict.answer(budgets), drawn, strip, figures.RUNS[of]))

    def _judged(self) -> dict[str, tuple[str, pd.DataFrame]]:
        """The shipped runs' claims, the second one's first: name of the table of comparisons -> words and rows."""
        second, run = reference.judged(self.root, reference.SECOND), reference.judged(self.root)
        named = {"comparisons-second": (", second run", second), "comparisons": ("", run)}
        return {name: (words, found) for name, (words, found) in named.items() if found is not None}

    def headline(self) -> Piece:
        """What the run at hand shows, in one sentence per dataset."""
        return self._each(
            lambda d: self.html("paragraph", verdict.headline(label(d), self.sources.table(d)), "headline")
        )

    def claims(self) -> Piece:
        """What became of the papers' claims, and the comparisons behind the verdicts."""
        found, shipped = self.sources.claims(), reference.judged(self.root)
        pieces = [
            self._folded(
                tables.comparisons(judged, name, f"All comparisons of the {'second ' if words else ''}reference run")
            )
            for name, (words, judged) in self._judged().items()
        ]
        if found is not None:
            name = "comparisons" if shipped is None else "comparisons-here"
            pieces.append(self._folded(tables.comparisons(found, name, "All comparisons of this run")))
        judged = shipped if found is None else found
        if judged is None:
            return self._gap("No claim has been judged yet.")
        verdicts = {} if found is None else reference.verdicts(self.root)
        pieces = [self.html("table", tables.claims(judged, verdicts)), self.html("paragraph", reading(judged)), *pieces]
        return Piece("".join(pieces))

    def reference(self) -> Piece:
        """How the shipped reference run was made, and its tables beside those of the run at hand."""
        run = self.shipped
        if run is None:
            return self._gap(f"No reference run is shipped in `{reference.FOLDER}`.")
        said = [self.html("paragraph", verdict.headline(label(d), run.main(d)), "headline") for d in run.runs]
        shared = [d for d in self.datasets if d in run.runs]
        beside = [self._folded(tables.beside_reference(d, self.sources.table(d), run.main(d))) for d in shared]
        sizes = {label(d): f"{len(own)} methods, {len(run.params.seeds_on(d))} seeds" for d, own in run.runs.items()}
        about, missing = run.about, run.about["missing"]
        made = {
            "conditions": about["conditions"] - len(missing),
            **({"conditions that failed": missing} if missing else {}),
            **sizes,
            "commit": about["commit"][:10],
            "processor": about["processor"],
            "versions": ", ".join(f"{name} {version}" for name, version in about["versions"].items()),
        }
        return Piece("".join([*said, *beside, self.html("facts", "How it was made", made)]))

    def best(self) -> Piece:
        """The best method in one sentence per dataset."""
        return self._each(lambda d: self._said(d, verdict.best(self.sources.table(d))))

    def main_tables(self) -> Piece:
        """Every dataset's main table."""
        read = self.sources
        return self._each(lambda d: self._excerpt(tables.main(d, read.table(d), read.measures(d), read.best(d))))

    def published(self) -> Piece:
        """Of every dataset the papers' numbers beside the reference run's and ours, with what differs."""
        printed, run = published.load(self.root), self.shipped

        def beside(dataset: str) -> str:
            shipped = None
            if run is not None and dataset in run.runs:
                shipped = published.Shipped(run.main(dataset), profiles.differs(self.root, run.params, dataset))
            own = profiles.differs(self.root, self.params, dataset)
            found = published.beside(dataset, self.sources.table(dataset), printed, own, shipped)
            if found is None:
                words = f"{label(dataset)}: no paper prints numbers on it that could stand beside ours."
                return self.html("paragraph", words, "gap")
            ours, others = found
            return "".join(self._folded(table) for table in (ours, others) if table.rows)

        return self._each(beside)

    def missing_datasets(self) -> Piece:
        """A line for each of the papers' datasets that the profile does not have."""
        gone = [key for key in (*published.KEYS.values(), "officehome") if key not in self.params.datasets]
        lines = [profiles.absent(self.root, label(key), profiles.has_dataset(key)) for key in gone]
        return Piece(self.html("bullets", lines, "gap") if lines else self.html("paragraph", "All of them are here."))

    def dataset(self, key: str) -> Piece:
        """Where a dataset's table is, or that the profile does not have it."""
        if key not in self.params.datasets:
            return self._absent(label(key), profiles.has_dataset(key))
        return Piece(self.html("go_to", "its table", f"{label(key)} is in this profile", f"{key}-main"))

    def first_figure(self, kind: str, title: str, caption: str) -> Piece:
        """A figure of the dataset on which most methods ran."""
        return Piece(self._figure(self._widest, kind, title, caption))

    def other_figures(self, kind: str, title: str, caption: str) -> Piece:
        """The same of the other datasets."""
        return self._each(lambda d: "" if d == self._widest else self._figure(d, kind, title, caption))

    def figures(self, kind: str, title: str, caption: str) -> Piece:
        """Every dataset's figure of this kind, a kind of samo.study.report.drawings."""
        analysis = figures.ANALYSES.get(kind)
        if analysis is not None and analysis not in self.params.analyses:
            return self._absent(f"the analysis {analysis}", lambda p: analysis in p.analyses)
        return self._each(lambda d: self._figure(d, kind, title, caption))

    def figure(self, of: str, kind: str, title: str, caption: str) -> Piece:
        """A figure that belongs to no dataset: `of` is "toys", "all", "reference" or "second"."""
        return Piece(self._figure(of, kind, title, caption))

    def budget_figures(self, *of: tuple[str, str, str]) -> Piece:
        """Each of these (kind, title, caption), of the reference run and of this one, where it was drawn."""
        runs = {"second": "The second reference run", "reference": "The reference run", "all": "This run"}
        first = "second" if len(drawings.second(self.root)) else "reference"
        drawn = [
            self.html("figure", found)
            for kind, title, caption in of
            for run, said in runs.items()
            if (run, kind) != (first, "compute")  # that is on the first screen
            and (found := figures.read(self.root, self.params, run, kind, f"{said}: {title}", caption))
        ]
        return Piece("".join(drawn)) if drawn else self._gap("No training has been compared with its base yet.")

    def ablation(self, what: str, *sharpness: str, claims: tuple[int, ...] = ()) -> Piece:
        """Every dataset's Delta-m by aggregator under each of these sharpnesses, and the claims' comparisons of them.

        One line where the profile has not all of them but "none" on some dataset; `what` names them there.
        """
        wanted = profiles.has_sharpness(*(name for name in sharpness if name != "none"))
        if not wanted(self.params):
            return self._absent(what, wanted)
        out = self._tables(lambda d: tables.ablation(d, self.sources.table(d), sharpness)).html
        found = self.sources.claims()
        if found is None or not claims:
            return Piece(out)
        title = f"Paired by seed, for claim{'s' * (len(claims) > 1)} {' and '.join(map(str, claims))}"
        part = found[found["number"].isin(claims)]
        compared = tables.comparisons(part, f"comparisons-{'-'.join(map(str, claims))}", title)
        return Piece(out + (self.html("table", compared) if compared.rows else ""))

    def single_task_sharpness(self, what: str) -> Piece:
        """Whether a sharpness is tried on single-task networks: where its row is, or that the profile has none."""
        wanted = profiles.has_sharpness("fmtl", separate=True)
        if not wanted(self.params):
            return self._absent(what, wanted)
        return Piece(self.html("paragraph", f"{what}: rows of the main tables."))

    def sensitivity(self, title: str, caption: str) -> Piece:
        """Of every dataset with variants, what they show in a sentence and a figure."""
        told = ""
        for dataset in self.datasets:
            table = self.sources.sensitivity(dataset)
            if len(table):
                told += self.html("paragraph", verdict.settings(label(dataset), table))
                told += self._figure(dataset, "sensitivity", title, caption)
        if not told and self.params.sensitivity.datasets:
            return self._gap("No variant of a setting has been run yet.")
        return Piece(told) if told else self._absent("variants of any setting", lambda p: bool(p.sensitivity.datasets))

    def setting(self, field: str) -> Piece:
        """Of every dataset with variants of one field their table."""
        found = {d: self.sources.sensitivity(d) for d in self.datasets}
        out = self._tables(lambda d: tables.settings(d, found[d], field) if field in set(found[d]["field"]) else None)
        return out if out.html else self._absent(f"variants of {field}", profiles.varies(field))

    def costs(self) -> Piece:
        """What a step of each method takes on each dataset."""
        return self._each(lambda d: self._folded(tables.cost(d, self.sources.numbers(d, "cost"))))

    def choices(self) -> Piece:
        """Every dataset's chosen learning rates and rhos."""
        return self._each(lambda d: self._folded(tables.choice(d, self.sources.table(d))))

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
        lines = [(label(d), line) for d in self.datasets for line in verdict.caveats(read.table(d), read.trials(d))]
        return Piece(self.html("bullets", [f"{dataset}: {line}" for dataset, line in lines]))

    def data(self) -> Piece:
        """Every dataset's datasheet, as `prepare` wrote it, and its settings in the profile."""
        return self._each(lambda d: self.html("facts", label(d), self.sources.sheet(d)))

    def notebooks(self) -> Piece:
        """Links to the executed notebooks: of every condition, and of what comes before and after them."""
        rows = [(one.stage, f"train-{one.dataset}-{one.method}") for one in conditions.conditions(self.params)]
        for dataset in self.datasets:
            rows.append((f"prepare@{dataset}", f"prepare-{dataset}"))
            rows += [(f"analyse@{dataset}-{name}", f"{name}-{dataset}") for name in self.params.analyses]
        return Piece(self._folded(tables.notebooks([*rows, ("toys", "toys"), ("tables", "tables")])))

    def downloads(self) -> Piece:
        """All tidy tables in one file, and how to cite the page."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as out:
            for path in sorted((self.root / "reports/tables").glob("*.csv")):
                out.writestr(zipfile.ZipInfo(path.name), path.read_bytes(), zipfile.ZIP_DEFLATED)
        link = figures.data_uri(packed.getvalue(), "application/zip")
        return Piece(self.html("downloads", link, len(packed.getvalue()) // 1000, provenance(self.root)))

    @property
    def _widest(self) -> str:
        return max(self.datasets, key=lambda d: len(self.params.main_on(d)))

    def _each(self, piece: Callable[[str], str]) -> Piece:
        return Piece("".join(map(piece, self.datasets)))

    def _tables(self, of: Callable[[str], Table | None]) -> Piece:
        found = filter(None, map(of, self.datasets))
        return Piece("".join(self.html("table", table) for table in found))

    def _folded(self, table: Table) -> str:
        """A table that opens by a click."""
        return self.html("folded", f"{table.caption} ({len(table.rows)} rows)", self.html("table", table))

    def _excerpt(self, table: Table) -> str:
        """A long main table: its reference and the rows with the lowest Delta-m, then all of it, folded."""
        if len(table.rows) <= SHOWN + 1:
            return self.html("table", table)
        order = sorted(
            range(len(table.rows)), key=lambda n: (table.rows[n][0].kind != "single", *_place(table.rows[n][1]))
        )
        short = replace(table, name=f"{table.name}-top", rows=[table.rows[n] for n in order[:SHOWN]])
        note = f"{table.caption}: the {SHOWN} rows with the lowest Δm"
        return self.html("table", replace(short, caption=note)) + self._folded(table)

    def _said(self, dataset: str, words: str) -> str:
        """A sentence, after the dataset that it is about."""
        return self.html("paragraph", f"{label(dataset)}. {words}")

    def _gap(self, words: str) -> Piece:
        return Piece(self.html("paragraph", words, "gap"))

    def _absent(self, what: str, holds: profiles.Holds) -> Piece:
        return self._gap(profiles.absent(self.root, what, holds))

    def _figure(self, of: str, kind: str, title: str, caption: str) -> str:
        found = figures.read(self.root, self.params, of, kind, title, caption)
        words = f"No figure `{of}-{kind}`: what it shows has not been run."
        return self.html("paragraph", words, "gap") if found is None else self.html("figure", found)


def _place(cell: Cell) -> tuple[bool, float]:
    """Gaps after all numbers."""
    return (False, cell.key) if isinstance(cell.key, float) and cell.key == cell.key else (True, 0.0)
