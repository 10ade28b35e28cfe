"""Delta-m and mean rank recomputed from every complete printed table; exceptions are listed by name.

A number printed as 0.0125 may be anything from 0.01245 to 0.01255. Delta-m and the mean rank rise or fall with each
entry, so that two corners span their own range: every entry at its better end, and every entry at its worse end.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from samo.results.metrics import Floats, delta_m, mean_rank
from samo.study.report import published
from samo.study.report.published import METRICS

NUMBERS = published.load(Path(__file__).parents[2])
NUMBERS["paper"] = NUMBERS["paper"].str.split().str[0]
NUMBERS["half"] = 0.5 * 10.0 ** -NUMBERS["decimals"]

Key = tuple[str, str, str]
"""Paper (its first word), table, dataset."""
Row = Any
"""A row of `arrange`."""
RERUN = ("NTKMTL", "Table 3 (re-run by NTKMTL authors)", "qm9")
QUOTED = ("NTKMTL", "Table 6 (upper rows: originally published)", "qm9")
LENT = {
    ("NTKMTL", "Table 2", "cityscapes"): ("NTKMTL", "Table 2", "cityscapes"),
    ("EXTRA", "Table 3", "cityscapes"): ("EXTRA", "Table 1", "celeba"),
}
"""Tables without the entries of some methods, which stand in NTKMTL's Table 7; and which table names all methods."""
CODE = {"cityscapes": "cityscapes", "nyuv2": "nyuv2", "qm9": "quantum_chemistry"}
"""Dataset -> the folder of the authors' program that has single-task training with more digits than in print."""


HIGHER = NUMBERS.groupby("metric")["higher_is_better"].first()
"""Metric -> whether larger is better, the same wherever it is printed."""


def select(paper: str, table: str, dataset: str) -> pd.DataFrame:
    return NUMBERS.query("paper == @paper and table == @table and dataset == @dataset")


def arrange(rows: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """The methods that have every one of the `metrics`, in the order of the rows.

    Columns are ("value" as printed or "half" a unit of its last digit, metric), with Delta-m and the mean rank.
    """
    columns = pd.MultiIndex.from_product([["value", "half"], [*metrics, "Delta_m%", "MR"]])
    found = rows.pivot_table(["value", "half"], "method", "metric", sort=False).reindex(columns=columns)
    return found.dropna(subset=[("value", name) for name in metrics])


@cache
def table(key: Key) -> pd.DataFrame:
    """A printed table with the entries of all its methods, see `arrange`."""
    rows, metrics = select(*key), METRICS[key[2]]
    if key in LENT:
        lent = select("NTKMTL", "Table 7", key[2])
        has_entries = rows.loc[rows["metric"].isin(metrics), "method"]
        wanted = lent["method"].isin(select(*LENT[key])["method"]) & ~lent["method"].isin(has_entries)
        rows = pd.concat([rows, lent[wanted & lent["metric"].isin(metrics)]])
    return arrange(rows, metrics)


KEYS: list[Key] = [
    (paper, name, dataset)
    for paper, name, dataset in NUMBERS[["paper", "table", "dataset"]].drop_duplicates().itertuples(index=False)
    if dataset in METRICS
]
"""Every table of a dataset whose Delta-m is known to be made of the printed metrics."""


def corners(printed: Any, higher: Any) -> tuple[Floats, Floats]:
    """Every entry of a row or a table, whose metrics are those of `higher`, as good and as bad as its digits allow."""
    value, half = (printed[what][higher.index] for what in ("value", "half"))
    # A hair less than half a unit: else 93.48 could be as good as 93.49.
    room = np.where(higher, 1, -1) * half * (1 - 1e-9)
    return (value + room).to_numpy(), (value - room).to_numpy()


@cache
def bases(key: Key) -> dict[str, Row]:
    """The single-task rows that a table may have been made with.

    Its own, and the constants of the program, unless its own row is another one (a re-run). Some rows are cut off
    rather than rounded (4.539 as 4.53), so that the same row is one that differs by less than a unit of the last digit.
    """
    printed, metrics, path = table(key), [*METRICS[key[2]]], f"SAMO repo 3b686c9 experiments/{CODE[key[2]]}/utils.py"
    code = arrange(select("code", path, key[2]), metrics).loc["STL"]
    if "STL" not in printed.index:
        return {"constants": code}
    own = printed.loc["STL"]
    same = ((own["value"] - code["value"]).abs() < 2 * own["half"])[metrics].all()
    return {"own": own, "constants": code} if same else {"own": own}


def allows(least: float, greatest: float, said: Row, what: str) -> bool:
    """Whether a row's printed number may be the rounded form of something between these two."""
    room = said["half"][what] + 1e-9
    return bool(least - room <= said["value"][what] <= greatest + room)


def gives(row: Row, base: Row, higher: "pd.Series[bool]", said: Row) -> bool:
    """Whether some numbers that are printed so give a Delta-m that is printed so."""
    (better, worse), (best, worst) = corners(row, higher), corners(base, higher)
    return allows(float(delta_m(better, worst, higher)), float(delta_m(worse, best, higher)), said, "Delta_m%")


def recomputed() -> Iterator[tuple[Key, str, Row, Row, "pd.Series[bool]"]]:
    """(table, base's name, row, base, directions) of every complete row with a Delta-m."""
    for key in KEYS:
        for _, row in table(key).dropna(subset=[("value", "Delta_m%")]).iterrows():
            for name, base in bases(key).items():
                yield key, name, row, base, HIGHER[[*METRICS[key[2]]]]


WRONG = {
    # The same row in three papers; its entries do not give its Delta-m with either base.
    *((("F-MTL", "Table 3", "nyuv2"), "IMTL", base, -0.76, -0.6) for base in ("own", "constants")),
    *((("FAMO", "Table 1", "nyuv2"), "IMTL-G", base, -0.76, -0.6) for base in ("own", "constants")),
    (("NTKMTL", "Table 1", "nyuv2"), "IMTL-G", "constants", -0.76, -0.6),
    # This comes out with the base that is printed beside it (0.502, 4.53), not with the one which that was cut from
    # (0.5027, 4.539).
    (QUOTED, "DWA", "constants", 175.3, 174.76),
}
"""What does not come out: table, method, base, Delta-m as printed, what the row gives instead."""


def test_delta_m_of_every_complete_row_is_what_was_printed():
    found, wrong = list(recomputed()), set()
    for key, name, row, base, higher in found:
        if not gives(row, base, higher, row):
            value, single = (of["value"][higher.index] for of in (row, base))
            wrong.add((key, row.name, name, row["value"]["Delta_m%"], round(float(delta_m(value, single, higher)), 2)))
    assert wrong == WRONG
    assert len({(key, row.name) for key, _, row, *_ in found}) == 159
    assert len(found) == 159 + 104


def test_another_base_or_direction_does_not_give_what_was_printed():
    # What is allowed is narrow enough to tell: the re-run has a base of its own, and no row fits the constants.
    for _, row in table(RERUN).drop("STL").iterrows():
        assert not gives(row, bases(QUOTED)["constants"], HIGHER[[*METRICS["qm9"]]], row)
    turned = [
        gives(row, base, higher ^ (np.arange(len(higher)) == 0), row)
        for key, name, row, base, higher in recomputed()
        if row.name != "STL" and name == "constants" and key[2] != "qm9"
    ]
    assert len(turned) > 100
    assert np.mean(turned) < 0.05


def test_delta_m_of_forty_attributes():
    base = select("FAMO", "issue comment 2023-12-17", "celeba")
    attributes = list(base["metric"])
    assert len(attributes) == 40
    rows = arrange(pd.concat([base, select("FairGrad", "issue comment 2024-05-12", "celeba")]), attributes)
    said = arrange(select("NTKMTL", "Table 2", "celeba"), []).loc["FairGrad"]
    assert said["value"]["Delta_m%"] == 0.37
    assert gives(rows.loc["FairGrad (alpha 2)"], rows.loc["STL"], HIGHER[attributes], said)


MISRANKED = {
    # These ranks count from 0.
    ("FAMO", "Table 2", "qm9"): "LS 6.45 7.59, SI 3.55 4.5, RLW 8.0 8.86, DWA 6.27 7.23, UW 4.91 5.82, MGDA 5.91 6.91, "
    "PCGrad 4.73 5.77, CAGrad 5.45 6.55, IMTL-G 4.36 5.45, Nash-MTL 2.09 3.09, FAMO 3.27 4.23",
    # The entries of LS repeat those of SI, which moves others, too.
    ("FAMO", "Table 3", "cityscapes"): "LS 6.5 9.0, RLW 9.25 8.5, UW 6.0 5.5, GradDrop 6.0 5.75, CAGrad 5.75 5.38, "
    "Nash-MTL 2.0 2.25, FAMO 6.25 5.75",
    # As if they had changed places in one of the two metrics in which they are neighbours and DWA is ahead.
    ("NTKMTL", "Table 1", "nyuv2"): "SI 16.11 16.22, DWA 16.33 16.22",
}
"""Table -> methods whose printed mean rank its entries do not allow, with what they give instead."""


def test_mean_ranks_are_what_was_printed():
    counted = 0
    for key in KEYS:
        printed, higher = table(key).drop("STL", errors="ignore"), HIGHER[[*METRICS[key[2]]]]
        if printed["value"]["MR"].isna().all():
            continue
        counted += printed["value"]["MR"].count()
        # A method without entries would shift all others.
        assert set(select(*key).query("metric == 'MR'")["method"]) <= {*printed.index, "STL"}
        better, worse = corners(printed, higher)
        own = np.eye(len(better), dtype=bool)[:, :, None]
        least = np.diag([mean_rank(np.where(mine, better, worse), higher) for mine in own])
        greatest = np.diag([mean_rank(np.where(mine, worse, better), higher) for mine in own])
        middle = mean_rank(printed["value"][higher.index], higher)
        wrong = {
            name: (row["value"]["MR"], middle[n])
            for n, (name, row) in enumerate(printed.iterrows())
            if row["value"].notna()["MR"] and not allows(least[n], greatest[n], row, "MR")
        }
        known = [row.rsplit(" ", 2) for row in MISRANKED.get(key, "").split(", ") if row]
        assert wrong == {m: (float(a), pytest.approx(float(b), abs=0.011)) for m, a, b in known}
    assert counted == 104
