"""What the papers printed, with our numbers beside it, never without the source and what differs.

The numbers are in data/reference/published_results.csv; a README beside it explains columns and sources. Only here are
the papers' names of metrics and methods matched with ours.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from samo.figures.beside import COLUMNS as FIGURE
from samo.figures.palette import label
from samo.results.metrics import delta_m
from samo.results.tables import text
from samo.study.report.table import Cell, Table, interval, width

Row = Mapping[Any, Any]

FILE = Path("data/reference/published_results.csv")
KEYS = {
    "CelebA": "celeba",
    "Cityscapes": "cityscapes",
    "MultiFashion": "multifashion",
    "MultiFashion+MNIST": "multifashionmnist",
    "MultiMNIST": "multimnist",
    "NYUv2": "nyuv2",
    "QM9": "qm9",
}
"""The papers' name of a dataset -> its key here."""
DELTA_M = "Delta_m%"  # in the papers' tables: against each paper's own single-task runs, as ours is against ours

_DIGITS = {"acc task 1 (top-left)": "left accuracy", "acc task 2 (bottom-right)": "right accuracy"}
_VIEWS = {
    **{name: f"segmentation {name}" for name in ("mIoU", "Pix Acc")},
    **{name: f"depth {name}" for name in ("Abs Err", "Rel Err")},
}
_NORMALS = ("Angle Mean", "Angle Median", "Within 11.25", "Within 22.5", "Within 30")
_QUANTITIES = ("mu", "alpha", "eps_HOMO", "eps_LUMO", "R2", "ZPVE", "U0", "U", "H", "G", "c_v")

COLUMNS: Mapping[str, Mapping[str, str]] = {
    "multimnist": _DIGITS,
    "multifashion": _DIGITS,
    "multifashionmnist": _DIGITS,
    "cityscapes": _VIEWS,
    "nyuv2": _VIEWS | {name: f"normals {name}" for name in _NORMALS},
    "qm9": {f"{name} MAE": f"{name.removeprefix('eps_').replace('_', '').lower()} mae" for name in _QUANTITIES},
    # A mean over 40 attributes has no column here, and F1 per attribute is printed for STL and one method only.
    "celeba": {},
}
"""Dataset -> a paper's metric -> our column, in the papers' order. Metrics not listed have no counterpart: means over
tasks (Delta-m covers them), mean ranks (they depend on the other methods in the table), training times."""
METRICS = {dataset: tuple(COLUMNS[dataset]) for dataset in ("cityscapes", "nyuv2", "qm9")}
"""The metrics behind Delta-m and the mean rank in the papers' tables."""


class Kind(NamedTuple):
    """A method as params.yaml composes it: one network for all tasks unless `separate`."""

    aggregator: str
    sharpness: str = "none"
    separate: bool = False


_SAME = "LS, SI, RLW, DWA, UW, MGDA, PCGrad, GradDrop, CAGrad, IMTL-G, Nash-MTL, FAMO, FairGrad, Aligned-MTL, STCH"
_BASES = {name: name.lower() for name in _SAME.split(", ")} | {"IMTL": "imtl-g", "NashMTL": "nash-mtl"}
_PREFIXES = {"": "none", "SAMO-": "samo", "G-SAM-": "gsam", "L-SAM-": "lsam", "F-": "fmtl"}
METHODS: dict[str, Kind] = {
    **{prefix + name: Kind(ours, added) for prefix, added in _PREFIXES.items() for name, ours in _BASES.items()},
    "STL": Kind("ls", separate=True),
    "F-STL": Kind("ls", "fmtl", separate=True),
    "FairGrad (alpha 2)": Kind("fairgrad"),
    "FairGrad (re-run)": Kind("fairgrad"),
    # SAMO's tables have only F-MTL's best row, with the aggregator that gave it.
    "F-MTL (best; = F-MGDA)": Kind("mgda", "fmtl"),
    "F-MTL (best; = F-IMTL)": Kind("imtl-g", "fmtl"),
    # F-MTL's Table 5: a single aggregation of perturbed gradients is our L-SAM.
    "MGDA ERM": Kind("mgda"),
    "F-MGDA direct aggregation of SAM gradients": Kind("mgda", "lsam"),
    "F-MGDA separate aggregation (method)": Kind("mgda", "fmtl"),
    "F-CAGrad (method)": Kind("cagrad", "fmtl"),
    "F-CAGrad Second-aggre": Kind("cagrad", "fmtl-second"),
    "F-CAGrad Each-aggre": Kind("cagrad", "fmtl-each"),
}
"""A paper's method -> ours. Methods not listed are not part of this study (NTKMTL, EXTRA, GO4Align …)."""


class Ours(NamedTuple):
    """A run of ours on a dataset."""

    main: pd.DataFrame  # its main table
    differs: Sequence[str] | None  # the settings that differ from the papers', as words; None where not known


def load(root: Path) -> pd.DataFrame:
    """A row per printed number, in the file's order.

    Columns: paper, table, dataset (our key, or as printed), method, metric, value, decimals (as printed: 22.60 is not
    22.6), plus_minus (NaN where none was printed), higher_is_better, note.
    """
    frame = pd.read_csv(root / FILE, dtype=str, keep_default_na=False)
    return frame.assign(
        dataset=frame["dataset"].replace(KEYS),
        value=pd.to_numeric(frame["value"]).astype(float),
        decimals=[len(text.partition(".")[2]) for text in frame["value"]],
        plus_minus=pd.to_numeric(frame["plus_minus"]),
        higher_is_better=frame["higher_is_better"] == "1",
    )


def beside(dataset: str, printed: pd.DataFrame, runs: Mapping[str, Ours]) -> tuple[Table, Table] | None:
    """A dataset's published numbers, each beside those of our runs for the same method and metric.

    `printed` is the frame of `load`; the last of the `runs` is the one at hand. Returns a table of the methods that one
    of them has, and one of the others; None if no paper prints numbers comparable with ours.
    """
    rows = printed[printed["dataset"] == dataset]
    columns = {DELTA_M: "delta_m", **COLUMNS.get(dataset, {})}
    columns = {theirs: ours for theirs, ours in columns.items() if theirs in set(rows["metric"])}
    rows = rows[rows["metric"].isin(columns)]
    if rows.empty:
        return None
    ours: list[list[Cell]] = []
    others: list[list[Cell]] = []
    for (paper, table, method), part in rows.groupby(["paper", "table", "method"], sort=False):
        known = [find(run.main, METHODS.get(str(method))) for run in runs.values()]
        found = next(filter(None, reversed(known)), None)
        name = str(found["method"] if found else method)
        notes = dict.fromkeys(note.strip() for said in part["note"] for note in said.split(";") if note.strip())
        cells = [Cell(name, name, small=str(method) if found else "", code=bool(found))]
        cells.append(Cell(f"{paper}, {table}", str(paper), "; ".join(notes), kind="source"))
        values = {row["metric"]: row for row in part.to_dict("records")}
        for theirs, column in columns.items():
            cells += [_printed(values.get(theirs)), *(_ours(row, column) for row in known)]
        (ours if found else others).append(cells)
    heads = ["method", "published in"]
    for column in columns.values():
        heads += [f"{'Δm, %' if column == 'delta_m' else column}: published", *runs]
    *_, differs = said = [_said(run.differs) for run in runs.values()]
    if len(set(said)) > 1:
        differs = f"This run: {differs} The reference run: {said[0]}"
    look = ("published", f"{differs} Each Δm is against its own study's single-task training.")
    shipped = ", the reference run," if len(runs) > 1 else ","
    title = f"{label(dataset)}: published{shipped} and ours with 95 % intervals"
    left = f"{label(dataset)}: published for methods that this profile does not run"
    return (
        Table(f"{dataset}-published", title, heads, ours, *look),
        Table(f"{dataset}-published-others", left, heads, others, *look),
    )


def points(dataset: str, printed: pd.DataFrame, mains: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Printed Delta-m beside that of our runs (name -> main table): `samo.figures.beside.COLUMNS`.

    For a table that prints no Delta-m it is computed from the table's metrics against its own STL. Methods that none of
    the runs has, and STL itself, are left out.
    """
    rows, columns, found = printed[printed["dataset"] == dataset], list(COLUMNS.get(dataset, {})), []
    for (paper, table), part in rows.groupby(["paper", "table"], sort=False):
        values = part.pivot_table("value", "method", "metric", sort=False)
        if DELTA_M not in values:
            if "STL" not in values.index or not set(columns) <= set(values):
                continue
            higher = part.drop_duplicates("metric").set_index("metric")["higher_is_better"][columns]
            own = values[columns]
            values[DELTA_M] = delta_m(own.to_numpy(), own.loc["STL"].to_numpy(), higher.to_numpy(bool))
        for name, value in values[DELTA_M].dropna().items():
            kind = METHODS.get(str(name))
            ours = {run: row for run, main in mains.items() if (row := find(main, kind))}
            if kind and ours and not kind.separate:
                head = (str(next(iter(ours.values()))["method"]), kind.aggregator, kind.sharpness)
                found.append((*head, f"{paper}, {table}", value, math.nan, math.nan))
                found += [(*head, run, *(row.get(name, math.nan) for name in FIGURE[-3:])) for run, row in ours.items()]
    return pd.DataFrame(found, columns=FIGURE).drop_duplicates(["method", "source"], ignore_index=True)


def find(main: pd.DataFrame, kind: Kind | None) -> Row | None:
    """The row of a main table with this kind of method; None if it has not run."""
    if kind is None or "aggregator" not in main:
        return None
    networks = main["networks"] == ("separate" if kind.separate else "shared")
    found = main[networks & (main["aggregator"] == kind.aggregator) & (main["sharpness"] == kind.sharpness)]
    return found.to_dict("records")[0] if len(found) else None


def _said(differs: Sequence[str] | None) -> str:
    if differs is None:
        return "What differs is not known: the papers' settings are not in the profile paper."
    if not differs:
        return "Settings are those of the profile paper; how they were chosen, and the machine, differ."
    return f"Not the same experiment. What differs: {'; '.join(differs)}."


def _printed(printed: Row | None) -> Cell:
    if printed is None:
        return Cell()
    small: str = "" if pd.isna(printed["plus_minus"]) else f"± {text(printed['plus_minus'])} as printed"
    return Cell(text(printed["value"], int(printed["decimals"])), printed["value"], small)


def _ours(known: Row | None, column: str) -> Cell:
    return Cell() if known is None else interval(known, column) if column == "delta_m" else width(known, column)
