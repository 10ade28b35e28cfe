"""The stage `tables`: runs and analyses in; reports/tables and reports/figures out, each whole or not at all.

Which conditions there are is told by the caller, who reads params.yaml: a method that was removed there must vanish
from every table, whatever files it left behind.
"""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from samo.claims import table as claims_table
from samo.figures.style import svg
from samo.figures.toy_slider import slider
from samo.results import best, sensitivity, tables
from samo.study import store
from samo.study.report import evidence
from samo.study.report.drawings import Drawing, drawings, reference_drawings, shared_drawings, toy_drawings, toy_frames
from samo.study.runs.formats import csv_text
from samo.study.runs.results import TOYS, Pairs, by_dataset, read_histories, read_runs

FIGURES = Path("reports/figures")


def write_tables(root: Path, pairs: Pairs, variants: Pairs = ()) -> dict[str, pd.DataFrame]:
    """Write reports/tables whole; returns the main table of each dataset.

    <dataset>.csv and .md hold the main table, <dataset>-measures.csv what its metric columns are,
    <dataset>-best.csv which method is bold in each column (`samo.results.best`), <dataset>-sensitivity.csv and .md
    the variants (`samo.results.sensitivity`) where there are some, curves.csv and search.csv the curves and trials
    of all datasets, metrics.json the numbers that `dvc metrics show` prints, and toys.csv where the trajectories
    over the toys end.

    Args:
        root: the project's folder.
        pairs: the conditions of the main tables, curves and trials.
        variants: the conditions beside them.
    """
    varied = by_dataset(variants)
    mains: dict[str, pd.DataFrame] = {}
    curves: list[pd.DataFrame] = []
    trials: list[pd.DataFrame] = []
    with store.whole_folder(root / "reports/tables") as out:
        for dataset, methods in by_dataset(pairs).items():
            runs = read_runs(root, dataset, methods)
            mains[dataset] = tables.main(runs)
            store.write_text(out / f"{dataset}.csv", csv_text(mains[dataset]))
            store.write_text(out / f"{dataset}.md", tables.markdown(mains[dataset]))
            store.write_text(out / f"{dataset}-measures.csv", csv_text(tables.measures(runs)))
            store.write_text(out / f"{dataset}-best.csv", csv_text(best.table(runs)))
            settings = sensitivity.table(runs, read_runs(root, dataset, varied.get(dataset, [])))
            if len(settings):
                store.write_text(out / f"{dataset}-sensitivity.csv", csv_text(settings))
                store.write_text(out / f"{dataset}-sensitivity.md", sensitivity.markdown(settings))
            series = tables.curves(read_histories(root, dataset, methods))
            curves.append(_first(series, dataset))
            trials.append(_first(tables.search(runs), dataset))
        store.write_json(out / "metrics.json", tables.nested(mains))
        store.write_text(out / "curves.csv", csv_text(pd.concat(curves)))
        store.write_text(out / "search.csv", csv_text(pd.concat(trials)))
        if (root / TOYS / "ends.csv").exists():
            store.write_text(out / "toys.csv", (root / TOYS / "ends.csv").read_text())
    return mains


def write_claims(root: Path, pairs: Pairs, analyses: Iterable[str], variants: Pairs = ()) -> pd.DataFrame:
    """Judge every claim by the conditions of the active profile; write reports/tables/claims.csv and claims.md.

    A figure is named only where it was drawn, so that this comes after the figures.
    """
    found = claims_table.table(evidence.read(root, pairs, analyses, variants))
    drawn = found["figure"].map(lambda name: (root / "reports/figures" / f"{name}.svg").exists())
    found["figure"] = found["figure"].where(drawn, "")
    store.write_text(root / "reports/tables/claims.csv", csv_text(found))
    store.write_text(root / "reports/tables/claims.md", claims_table.markdown(found))
    return found


def write_figures(root: Path, datasets: Iterable[str]) -> None:
    """Write reports/figures whole: each figure as <dataset>-<figure>.svg, with its numbers (.csv) and words (.txt).

    Those of all datasets together are all-<figure>, those of the toys toys-<figure>, those of the shipped reference run
    reference-<figure>, and toys-<toy>.html moves along the trajectories. A figure without numbers
    (its conditions or analysis have not been run) is left out.
    """
    with store.whole_folder(root / FIGURES) as out:
        for drawing in _all(root, datasets):
            if len(drawing.data):
                _write(out, drawing)
        trajectories, _, front = toy_frames(root)
        for toy in dict.fromkeys(trajectories["toy"]):
            store.write_text(out / f"toys-{toy}.html", slider(str(toy), trajectories, front))


def write_figure(root: Path, datasets: Iterable[str], name: str) -> Path:
    """Draw just this figure anew, into reports/figures; returns the drawing's path.

    Raises:
        ValueError: there is no figure of that name, or nothing to draw in it yet.
    """
    found = {drawing.name: drawing for drawing in _all(root, datasets)}
    if name not in found:
        raise ValueError(f"no figure {name!r}: there are {', '.join(found)}")
    if not len(found[name].data):
        raise ValueError(f"figure {name}: nothing to draw yet, `dvc repro tables` runs what it needs")
    _write(root / FIGURES, found[name])
    return root / FIGURES / f"{name}.svg"


def _all(root: Path, datasets: Iterable[str]) -> list[Drawing]:
    names = list(datasets)
    each = [drawing for dataset in names for drawing in drawings(root, dataset)]
    return [*each, *shared_drawings(root, names), *toy_drawings(root), *reference_drawings(root)]


def _write(out: Path, drawing: Drawing) -> None:
    store.write_text(out / f"{drawing.name}.svg", svg(drawing.draw))
    store.write_text(out / f"{drawing.name}.csv", csv_text(drawing.data))
    store.write_text(out / f"{drawing.name}.txt", drawing.words() + "\n")


def _first(frame: pd.DataFrame, dataset: str) -> pd.DataFrame:
    return frame.assign(dataset=dataset)[["dataset", *frame.columns]]
