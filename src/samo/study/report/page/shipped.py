"""What the report says about the runs that the project ships, the papers' numbers, and the claims."""

from functools import cached_property

import pandas as pd

from samo.claims.table import reading
from samo.figures.palette import label
from samo.results import verdict
from samo.results.ladder import pooled
from samo.study.report import drawings, figures, published, reference, tables
from samo.study.report.page import profiles
from samo.study.report.page.pieces import Piece, Pieces
from samo.study.report.table import VERDICTS, Cell, Table


class Shipped(Pieces):
    """The first screen, the claims, the reference runs, and published numbers beside them and the run at hand."""

    @cached_property
    def shipped(self) -> reference.Reference | None:
        """The shipped reference run; None where there is none."""
        return reference.load(self.root)

    @cached_property
    def ladder(self) -> pd.DataFrame:
        """Every training of the second reference run with its gain; without rows if there is none."""
        return drawings.second(self.root)

    def first(self) -> Piece:
        """The first screen: the answer from the shipped reference runs, one picture, and the claims at a glance."""
        run, second = self.shipped, self.ladder
        if run is None:
            return self.headline()
        of, budgets = ("second", second) if len(second) else ("reference", run.budgets)
        seeds = sorted({int(n) for n in pooled(budgets)["n_seeds"]})
        caption = f"Lines are 95 % intervals over {' to '.join(map(str, dict.fromkeys((seeds[0], seeds[-1]))))} seeds."
        drawn = self._figure(of, "compute", "What compute buys: the gain of each sharpness", caption)
        strip = self.html("strip", tables.strip(self._judged()), VERDICTS)
        return Piece(self.html("first", verdict.answer(budgets, label), drawn, strip, figures.RUNS[of]))

    def second(self) -> Piece:
        """What each method gained in the second reference run, at each dataset's longest budget."""
        found = sorted((self.root / reference.SECOND).glob("summary-*.csv"))
        budgets, pieces = self.ladder, []
        for path in found:
            dataset, rows = path.stem.partition("-")[2], pd.read_csv(path, dtype=str, keep_default_na=False)
            last = budgets.loc[budgets["dataset"] == dataset, "updates"].max()
            caption = (
                f"{label(dataset)}, the second reference run: after {last:,.0f} updates, against the aggregator alone"
            )
            cells = [[_cell(text) for text in row] for row in rows.to_numpy()]
            note = "A gain above 0 is better; the last columns are ratios, below 1 is lower. All with 95 % intervals."
            if cells:
                table = Table(f"second-{dataset}", caption, list(rows.columns), cells, note=note)
                pieces.append(self.html("table", table))
        return Piece("".join(pieces)) if pieces else self._gap("The second reference run has no full comparison yet.")

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
        runs = {"reference run": reference.FOLDER, "second run": reference.SECOND} if found is not None else {}
        beside = {name: verdicts for name, at in runs.items() if (verdicts := reference.verdicts(self.root, at))}
        pieces = [self.html("table", tables.claims(judged, beside)), self.html("paragraph", reading(judged)), *pieces]
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

    def published(self) -> Piece:
        """For every dataset, the papers' numbers beside the reference run's and ours, with what differs."""
        printed, run = published.load(self.root), self.shipped

        def beside(dataset: str) -> str:
            shipped = None
            if run is not None and dataset in run.runs:
                shipped = published.Shipped(run.main(dataset), profiles.differs(self.root, run.params, dataset))
            own = profiles.differs(self.root, self.params, dataset)
            found = published.beside(dataset, self.sources.table(dataset), printed, own, shipped)
            if found is None:
                words = f"{label(dataset)}: no paper prints numbers for it that could stand beside ours."
                return self.html("paragraph", words, "gap")
            folded = "".join(self._folded(table) for table in found if table.rows)
            caption = (
                "Diamonds: as printed, or worked out from what is printed against the same table's STL. "
                f"Filled: ours, with 95 % intervals. {found[0].note}"
            )
            drawn = figures.read(self.root, self.params, dataset, "beside", "published Δm beside ours", caption)
            return (self.html("figure", drawn) if drawn else "") + folded

        return self._each(beside)

    def missing_datasets(self) -> Piece:
        """A line for each of the papers' datasets that the profile does not have."""
        gone = [key for key in (*published.KEYS.values(), "officehome") if key not in self.params.datasets]
        lines = [profiles.absent(self.root, label(key), profiles.has_dataset(key)) for key in gone]
        return Piece(self.html("bullets", lines, "gap") if lines else self.html("paragraph", "All of them are here."))

    def budget_figures(self, *of: tuple[str, str, str]) -> Piece:
        """Each of these figures (kind, title, caption), of the reference run and of this one, if drawn."""
        runs = {"second": "The second reference run", "reference": "The reference run", "all": "This run"}
        first = "second" if len(self.ladder) else "reference"
        drawn = [
            self.html("figure", found)
            for kind, title, caption in of
            for run, said in runs.items()
            if (run, kind) != (first, "compute")  # that is on the first screen
            and (found := figures.read(self.root, self.params, run, kind, f"{said}: {title}", caption))
        ]
        return Piece("".join(drawn)) if drawn else self._gap("No training has been compared with its base yet.")

    def _judged(self) -> dict[str, tuple[str, pd.DataFrame]]:
        """The shipped runs' claims, the second run's first: name of the table of comparisons -> words and rows."""
        second, run = reference.judged(self.root, reference.SECOND), reference.judged(self.root)
        named = {"comparisons-second": (", second run", second), "comparisons": ("", run)}
        return {name: (words, found) for name, (words, found) in named.items() if found is not None}


def _cell(words: str) -> Cell:
    """A mean with its interval in small letters below it; anything else as it is."""
    mean, _, interval = words.partition(" (")
    return Cell(mean, small=interval.rstrip(")")) if interval else Cell(words)
