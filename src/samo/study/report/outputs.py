"""The stage `tables`: runs and analyses in; reports/tables and reports/figures out, each whole or not at all.

The caller says which conditions there are: a method that was removed from params.yaml must vanish from every table,
whatever files it left behind.
"""

import math
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from samo.claims import table as claims_table
from samo.figures.style import svg
from samo.results import sensitivity
from samo.results import tables as results
from samo.study import store
from samo.study.report import evidence, tables
from samo.study.report.drawings import Drawing, every
from samo.study.report.table import Table, markdown
from samo.study.runs.formats import csv_text
from samo.study.runs.results import TOYS, Pairs, by_dataset, read_histories

METRICS = ("delta_m", "delta_m_low", "delta_m_high", "gain", "gain_low", "gain_high")
FIGURES, TABLES = Path("reports/figures"), Path("reports/tables")


def write_tables(root: Path, pairs: Pairs, variants: Pairs = ()) -> dict[str, pd.DataFrame]:
    """Write reports/tables whole; returns the main table of each dataset.

    <dataset>.csv and .md hold the main table, <dataset>-measures.csv what its metric columns are, <dataset>-best.csv
    which method is bold in each column, <dataset>-sensitivity.csv and .md the variants, if any. Of all datasets,
    curves.csv and search.csv hold curves and trials, ladder.csv every training with its budget, compute and gain;
    toys.csv has the ends of the toys' trajectories. For DVC: metrics/<dataset>/<method>.json, and summary.json.
    """
    pairs, study = list(pairs), evidence.read(root, pairs, ["cost"], variants)
    varied, mains, curves, trials, summary = by_dataset(variants), {}, {}, {}, {}
    with store.whole_folder(root / TABLES) as out:

        def write(name: str, content: pd.DataFrame | Table) -> None:
            text = markdown(content) if isinstance(content, Table) else csv_text(content)
            store.write_text(out / name, text)

        for dataset, methods in by_dataset(pairs).items():
            ran = study.runs.get(dataset, {})
            own = {method: ran.get(method) for method in methods}
            beside = {method: ran.get(method) for method in varied.get(dataset, ())}
            main, measures, settings = results.main(own), results.measures(own), sensitivity.table(own, beside)
            write(f"{dataset}.csv", main)
            write(f"{dataset}.md", tables.main(dataset, main, measures, {}, chosen=True))
            write(f"{dataset}-measures.csv", measures)
            write(f"{dataset}-best.csv", results.best(own))
            if len(settings):
                write(f"{dataset}-sensitivity.csv", settings)
                write(f"{dataset}-sensitivity.md", tables.settings(dataset, settings))
            for row in main.to_dict("records"):
                row["step"] = study.units.get((dataset, row["method"]), math.nan)
                numbers = {name: round(row.get(name, math.nan), 3) for name in (*METRICS, "step")}
                store.write_json(out / "metrics" / dataset / f"{row['method']}.json", numbers)
            mains[dataset], summary[dataset] = main, _summary(main)
            curves[dataset] = results.curves(read_histories(root, dataset, methods))
            trials[dataset] = results.search(own)
        store.write_json(out / "summary.json", summary)
        write("ladder.csv", study.budgets)
        for name, parts in {"curves": curves, "search": trials}.items():
            write(f"{name}.csv", pd.concat(parts, names=["dataset"]).reset_index("dataset"))
        if (root / TOYS / "ends.csv").exists():
            store.write_text(out / "toys.csv", (root / TOYS / "ends.csv").read_text())
    return mains


def write_claims(root: Path, pairs: Pairs, analyses: Iterable[str], variants: Pairs = ()) -> pd.DataFrame:
    """Judge every claim by the conditions of the active profile; write reports/tables/claims.csv and claims.md.

    A figure is named only if it was drawn, so call this after the figures.
    """
    found = evidence.read(root, pairs, analyses, variants).claims
    drawn = found["figure"].map(lambda name: (root / FIGURES / f"{name}.svg").exists())
    found["figure"] = found["figure"].where(drawn, "")
    store.write_text(root / TABLES / "claims.csv", csv_text(found))
    store.write_text(root / TABLES / "claims.md", claims_table.markdown(found))
    return found


def write_figures(root: Path, datasets: Iterable[str]) -> None:
    """Write reports/figures whole: each figure as <dataset>-<figure>.svg, with its numbers (.csv) and words (.txt).

    What belongs to no dataset is all-<figure>, toys-<figure> or named by a shipped run. A figure without numbers (its
    conditions or analysis have not been run) is left out.
    """
    with store.whole_folder(root / FIGURES) as out:
        for drawing in every(root, datasets):
            if len(drawing.data):
                _write(out, drawing)


def write_figure(root: Path, datasets: Iterable[str], name: str) -> Path:
    """Redraw just this figure in reports/figures; returns its path. A ValueError if it is unknown or has no numbers."""
    found = {drawing.name: drawing for drawing in every(root, datasets)}
    if name not in found:
        raise ValueError(f"no figure {name!r}: there are {', '.join(found)}")
    if found[name].data.empty:
        raise ValueError(f"figure {name}: nothing to draw yet, `dvc repro tables` runs what it needs")
    _write(root / FIGURES, found[name])
    return root / FIGURES / f"{name}.svg"


def _summary(main: pd.DataFrame) -> dict[str, float | str | None]:
    """What `dvc exp show` has of a dataset: the lowest Delta-m, the method it belongs to, the best and worst gain."""
    rows = main[~results.is_reference(main)].reindex(columns=["method", "delta_m", "gain"]).dropna(subset=["delta_m"])
    if rows.empty:
        return {"method": None, "delta_m": None}
    best, gains = rows.sort_values("delta_m").to_dict("records")[0], rows["gain"].dropna().tolist()
    ends = {"gain_from": round(min(gains), 3), "gain_to": round(max(gains), 3)} if gains else {}
    return {"method": best["method"], "delta_m": round(best["delta_m"], 3), **ends}


def _write(out: Path, drawing: Drawing) -> None:
    store.write_text(out / f"{drawing.name}.svg", svg(drawing.draw))
    store.write_text(out / f"{drawing.name}.csv", csv_text(drawing.data))
    store.write_text(out / f"{drawing.name}.txt", drawing.words() + "\n")
