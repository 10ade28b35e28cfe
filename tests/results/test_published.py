"""Delta-m and mean rank recomputed from every complete printed table; exceptions are listed by name.

A number printed as 0.0125 may be anything from 0.01245 to 0.01255. Delta-m and the mean rank rise or fall with each
entry, so that two corners span their own range: every entry at its better end, and every entry at its worse end.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

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
RERUN = ("NTKMTL", "Table 3 (re-run by NTKMTL authors)", "qm9")
QUOTED = ("NTKMTL", "Table 6 (upper rows: originally published)", "qm9")
LENT = {
    ("NTKMTL", "Table 2", "cityscapes"): ("NTKMTL", "Table 2", "cityscapes"),
    ("EXTRA", "Table 3", "cityscapes"): ("EXTRA", "Table 1", "celeba"),
}
"""Tables without the entries of some methods, which stand in NTKMTL's Table 7; and which table names all methods."""
CODE = {"cityscapes": "cityscapes", "nyuv2": "nyuv2", "qm9": "quantum_chemistry"}
"""Dataset -> the folder of the authors' program that has single-task training with more digits than in print."""


class Printed(NamedTuple):
    """Numbers as printed, of any shape, each rounded by at most `half` a unit of its last digit."""

    value: Floats
    half: Floats

    def at(self, index: Any) -> "Printed":
        return Printed(np.asarray(self.value[index]), np.asarray(self.half[index]))

    def better(self, higher: Sequence[bool]) -> Floats:
        """Every entry as good as its digits allow; `higher` runs over the last axis."""
        # A hair less than half a unit: else 93.48 could be as good as 93.49.
        return self.value + np.where(higher, 1, -1) * self.half * (1 - 1e-9)

    def worse(self, higher: Sequence[bool]) -> Floats:
        """Every entry as bad as its digits allow."""
        return self.better([not way for way in higher])


class Table(NamedTuple):
    """The rows of a printed table that have all S metrics: their entries [M, S], and what was printed beside them."""

    methods: tuple[str, ...]
    higher: tuple[bool, ...]
    cells: Printed
    delta_m: Printed
    rank: Printed

    def row(self, method: str) -> Printed:
        """The S entries of a method."""
        return self.cells.at(self.methods.index(method))


def select(paper: str, table: str, dataset: str) -> pd.DataFrame:
    return NUMBERS.query("paper == @paper and table == @table and dataset == @dataset")


def arrange(rows: pd.DataFrame, metrics: Sequence[str]) -> Table:
    """Numbers as a table: the methods that have every one of the `metrics`, in the order of the rows."""
    columns = [*metrics, "Delta_m%", "MR"]
    value, half = (
        rows.pivot_table(index="method", columns="metric", values=name, sort=False).reindex(columns=columns)
        for name in ("value", "half")
    )
    whole = value[list(metrics)].notna().all(axis=1)
    everything = Printed(value[whole].to_numpy(), half[whole].to_numpy())
    directions = rows.groupby("metric")["higher_is_better"].first()
    parts = (everything.at((slice(None), index)) for index in (slice(len(metrics)), -2, -1))
    return Table(tuple(value.index[whole]), tuple(bool(directions.get(name, True)) for name in metrics), *parts)


@cache
def table(key: Key) -> Table:
    """A printed table with the entries of all its methods."""
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


@cache
def bases(key: Key) -> dict[str, Printed]:
    """The single-task rows that a table may have been made with.

    Its own, and the constants of the program, unless its own row is another one (a re-run). Some rows are cut off
    rather than rounded (4.539 as 4.53), so that the same row is one that differs by less than a unit of the last digit.
    """
    printed, path = table(key), f"SAMO repo 3b686c9 experiments/{CODE[key[2]]}/utils.py"
    code = arrange(select("code", path, key[2]), METRICS[key[2]]).row("STL")
    if "STL" not in printed.methods:
        return {"constants": code}
    own = printed.row("STL")
    same = np.all(np.abs(own.value - code.value) < 2 * own.half)
    return {"own": own, "constants": code} if same else {"own": own}


def allows(least: float, greatest: float, said: Printed) -> bool:
    """Whether a printed number may be the rounded form of something between these two."""
    room = float(said.half) + 1e-9
    return bool(least - room <= said.value <= greatest + room)


def gives(row: Printed, base: Printed, higher: Sequence[bool], said: Printed) -> bool:
    """Whether some numbers that are printed so give a Delta-m that is printed so."""
    least = delta_m(row.better(higher), base.worse(higher), higher)
    return allows(float(least), float(delta_m(row.worse(higher), base.better(higher), higher)), said)


def recomputed() -> Iterator[tuple[Key, str, str, Printed, Printed]]:
    """(table, method, base's name, its Delta-m as printed, base) of every complete row."""
    for key in KEYS:
        for place, method in enumerate(table(key).methods):
            if not np.isnan(table(key).delta_m.value[place]):
                for name, base in bases(key).items():
                    yield key, method, name, table(key).delta_m.at(place), base


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
    for key, method, name, said, base in found:
        row, higher = table(key).row(method), table(key).higher
        if not gives(row, base, higher, said):
            wrong.add((key, method, name, float(said.value), round(float(delta_m(row.value, base.value, higher)), 2)))
    assert wrong == WRONG
    assert len({(key, method) for key, method, *_ in found}) == 159
    assert len(found) == 159 + 104


def test_another_base_or_direction_does_not_give_what_was_printed():
    # What is allowed is narrow enough to tell: the re-run has a base of its own, and no row fits the constants.
    rerun = table(RERUN)
    for method in set(rerun.methods) - {"STL"}:
        said = rerun.delta_m.at(rerun.methods.index(method))
        assert not gives(rerun.row(method), bases(QUOTED)["constants"], rerun.higher, said)
    turned = [
        gives(table(key).row(method), base, [not table(key).higher[0], *table(key).higher[1:]], said)
        for key, method, name, said, base in recomputed()
        if method != "STL" and name == "constants" and key[2] != "qm9"
    ]
    assert len(turned) > 100
    assert np.mean(turned) < 0.05


def test_delta_m_of_forty_attributes():
    base = select("FAMO", "issue comment 2023-12-17", "celeba")
    attributes = list(base["metric"])
    assert len(attributes) == 40
    rows = arrange(pd.concat([base, select("FairGrad", "issue comment 2024-05-12", "celeba")]), attributes)
    quoted = arrange(select("NTKMTL", "Table 2", "celeba"), [])
    said = quoted.delta_m.at(quoted.methods.index("FairGrad"))
    assert said.value == 0.37
    assert gives(rows.row("FairGrad (alpha 2)"), rows.row("STL"), rows.higher, said)


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
        printed = table(key)
        kept = [place for place, method in enumerate(printed.methods) if method != "STL"]
        cells, said, higher = printed.cells.at(kept), printed.rank.at(kept), printed.higher
        if np.isnan(said.value).all():
            continue
        counted += int((~np.isnan(said.value)).sum())
        # A method without entries would shift all others.
        assert set(select(*key).query("metric == 'MR'")["method"]) <= set(printed.methods)
        better, worse = cells.better(higher), cells.worse(higher)
        own = np.eye(len(better), dtype=bool)[:, :, None]
        least = np.diag([mean_rank(np.where(mine, better, worse), higher) for mine in own])
        greatest = np.diag([mean_rank(np.where(mine, worse, better), higher) for mine in own])
        middle = mean_rank(cells.value, higher)
        wrong = {
            printed.methods[place]: (float(said.value[n]), middle[n])
            for n, place in enumerate(kept)
            if not np.isnan(said.value[n]) and not allows(least[n], greatest[n], said.at(n))
        }
        known = [row.rsplit(" ", 2) for row in MISRANKED.get(key, "").split(", ") if row]
        assert wrong == {m: (float(a), pytest.approx(float(b), abs=0.011)) for m, a, b in known}
    assert counted == 104
