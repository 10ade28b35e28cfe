"""What the report says about the runs that the project ships, the papers' numbers, and the claims."""

from functools import cached_property

import pandas as pd

from samo.claims.table import reading
from samo.figures.palette import label
from samo.results import verdict
from samo.results.ladder import pooled
from samo.study.report import drawings, figures, published, reference, tables
from samo.study.report.page import profiles
from samo.study.report.page.pieces import Pieces
from samo.study.report.page.render import Piece
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

    @cached_property
    def judged(self) -> dict[str, pd.DataFrame]:
        """The claims of each shipped run that has any, the second run's first."""
        folders = {"second run": reference.SECOND, "reference run": reference.FOLDER}
        found = {name: reference.judged(self.root, folder) for name, folder in folders.items()}
        return {name: claims for name, claims in found.items() if len(claims)}

    def first(self) -> Piece:
        """The first screen: the answer from the shipped reference runs, one picture, and the claims at a glance."""
        run, second = self.shipped, self.ladder
        if run is None:
            return self.headline()
        of, budgets = ("second", second) if len(second) else ("reference", run.budgets)
        seeds = sorted({int(n) for n in pooled(budgets)["n_seeds"]})
        caption = f"Lines are 95 % intervals over {' to '.join(map(str, dict.fromkeys((seeds[0], seeds[-1]))))} seeds."
        drawn = self.figure(of, "compute", "What compute buys: the gain of each sharpness", caption)
        strip = self.html("strip", tables.strip(self.judged), VERDICTS)
        return self.html("first", verdict.answer(budgets, label), drawn, strip, figures.RUNS[of])

    def second(self) -> Piece:
        """What each method gained in the second reference run, at each dataset's longest budget."""
        note = "A gain above 0 is better; the last columns are ratios, below 1 is lower. All with 95 % intervals."
        found = Piece()
        for path in sorted((self.root / reference.SECOND).glob("summary-*.csv")):
            dataset, rows = path.stem.partition("-")[2], pd.read_csv(path, dtype=str, keep_default_na=False)
            last = self.ladder.loc[self.ladder["dataset"] == dataset, "updates"].max()
            run = f"{label(dataset)}, the second reference run"
            caption = f"{run}: after {last:,.0f} updates, against the aggregator alone"
            cells = [list(map(_cell, row)) for row in rows.to_numpy()]
            found += self._table(Table(f"second-{dataset}", caption, list(rows.columns), cells, note=note))
        return found or self._gap("The second reference run has no full comparison yet.")

    def headline(self) -> Piece:
        """What the run at hand shows, in one sentence per dataset."""
        return self._each(lambda d: self._headline(d, self.sources.table(d)))

    def _headline(self, dataset: str, main: pd.DataFrame) -> Piece:
        return self.html("paragraph", verdict.headline(label(dataset), main), "headline")

    def claims(self) -> Piece:
        """What became of the papers' claims, and the comparisons behind the verdicts."""
        here, runs, beside = self.sources.claims(), dict(self.judged), dict[str, dict[int, str]]()
        if len(here):
            beside = {name: reference.verdicts(claims) for name, claims in reversed(runs.items())}
            runs["this run"] = here
        elif "reference run" not in runs:
            return self._gap("No claim has been judged yet.")
        judged = runs["this run" if len(here) else "reference run"]
        shown = self._table(tables.claims(judged, beside)) + self.html("paragraph", reading(judged))
        for name, claims in runs.items():
            run = {"second run": "the second reference run", "reference run": "the reference run"}.get(name, name)
            shown += self._folded(tables.comparisons(claims, tables.COMPARISONS[name], f"All comparisons of {run}"))
        return shown

    def reference(self) -> Piece:
        """How the shipped reference run was made, and its tables beside those of the run at hand."""
        run = self.shipped
        if run is None:
            return self._gap(f"No reference run is shipped in `{reference.FOLDER}`.")
        said = Piece().join(self._headline(d, run.main(d)) for d in run.runs)
        both = [d for d in self.datasets if d in run.runs]
        beside = [self._folded(tables.beside_reference(d, self.sources.table(d), run.main(d))) for d in both]
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
        return said + Piece().join(beside) + self.html("facts", "How it was made", made)

    def published(self) -> Piece:
        """For every dataset, the papers' numbers beside the reference run's and ours, with what differs."""
        printed, shipped = published.load(self.root), self.shipped

        def beside(dataset: str) -> Piece:
            known = {"this run": (self.params, self.sources.table(dataset))}
            if shipped and dataset in shipped.runs:
                known = {"reference run": (shipped.params, shipped.main(dataset)), **known}
            runs = {
                name: published.Ours(main, profiles.differs(self.root, params, dataset))
                for name, (params, main) in known.items()
            }
            found = published.beside(dataset, printed, runs)
            if found is None:
                return self._gap(f"{label(dataset)}: no paper prints numbers for it that could stand beside ours.")
            caption = (
                "Diamonds: as printed, or worked out from what is printed against the same table's STL. "
                f"Filled: ours, with 95 % intervals. {found[0].note}"
            )
            drawn = self._drawn(dataset, "beside", "published Δm beside ours", caption)
            return drawn + Piece().join(self._folded(table) for table in found if table.rows)

        return self._each(beside)

    def missing_datasets(self) -> Piece:
        """A line for each of the papers' datasets that the profile does not have."""
        gone = [key for key in (*published.KEYS.values(), "officehome") if key not in self.datasets]
        lines = [profiles.absent(self.root, label(key), profiles.has_dataset(key)) for key in gone]
        return self.html("bullets", lines, "gap") if lines else self.html("paragraph", "All of them are here.")

    def budget_figures(self, *of: tuple[str, str, str]) -> Piece:
        """Each of these figures (kind, title, caption), of the reference runs and of this one, if drawn."""
        runs = {"second": "The second reference run", "reference": "The reference run", "all": "This run"}
        first = "second" if len(self.ladder) else "reference"
        drawn = Piece().join(
            self._drawn(run, kind, f"{said}: {title}", caption)
            for kind, title, caption in of
            for run, said in runs.items()
            if (run, kind) != (first, "compute")  # that is on the first screen
        )
        return drawn or self._gap("No training has been compared with its base yet.")


def _cell(words: str) -> Cell:
    """A mean with its interval in small letters below it; anything else as it is."""
    mean, _, interval = words.partition(" (")
    return Cell(mean, small=interval.rstrip(")")) if interval else Cell(words)
