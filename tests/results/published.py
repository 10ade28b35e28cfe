"""Printed tables, and what the rounding of their digits leaves open.

A number printed as 0.0125 may be anything from 0.01245 to 0.01255. Delta-m and the mean rank rise or fall with each
entry, so that two corners span their own range: every entry at its better end, and every entry at its worse end.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from samo.results.metrics import Floats, delta_m, mean_rank
from samo.study.report import published
from samo.study.report.published import METRICS

NUMBERS = published.load(Path(__file__).parents[2])

Key = tuple[str, str, str]
"""Paper (its first word), table, dataset."""

RERUN = "Table 3 (re-run by NTKMTL authors)"

ALL_METHODS = {
    ("NTKMTL", "Table 2", "cityscapes"): ("NTKMTL", "Table 2", "cityscapes"),
    ("EXTRA", "Table 3", "cityscapes"): ("EXTRA", "Table 1", "celeba"),
}
"""Tables without the entries of some methods, which stand in NTKMTL's Table 7; and which table names all methods."""


class Wrong(NamedTuple):
    """A printed number, and what its row gives instead."""

    printed: float
    recomputed: float


@dataclass(frozen=True)
class Printed:
    """Numbers as printed, of any shape, each rounded by at most `half` a unit of its last digit."""

    value: Floats
    half: Floats

    def __getitem__(self, index: Any) -> "Printed":
        return Printed(np.asarray(self.value[index]), np.asarray(self.half[index]))

    def better(self, higher: Sequence[bool]) -> Floats:
        """Every entry as good as its digits allow; `higher` runs over the last axis."""
        # A hair less than half a unit: else 93.48 could be as good as 93.49.
        return self.value + np.where(higher, 1, -1) * self.half * (1 - 1e-9)

    def worse(self, higher: Sequence[bool]) -> Floats:
        """Every entry as bad as its digits allow."""
        return self.better([not way for way in higher])


@dataclass(frozen=True)
class Table:
    """The rows of a printed table that have all metrics.

    `cells` [M, S] belong to the M `methods` and S metrics, with directions `higher`; `delta_m` and `rank` [M] are what
    was printed beside them, NaN where nothing was.
    """

    methods: tuple[str, ...]
    higher: tuple[bool, ...]
    cells: Printed
    delta_m: Printed
    rank: Printed

    def row(self, method: str) -> Printed:
        """The S entries of a method."""
        return self.cells[self.methods.index(method)]


def select(paper: str, table: str, dataset: str) -> pd.DataFrame:
    """The numbers of a table; `paper` is the first word of its name."""
    found = NUMBERS["paper"].str.split().str[0].eq(paper) & NUMBERS["table"].eq(table)
    return NUMBERS[found & NUMBERS["dataset"].eq(dataset)]


def arrange(rows: pd.DataFrame, metrics: Sequence[str]) -> Table:
    """Numbers as a table: the methods that have every one of the `metrics`, in the order of the rows."""
    rounded = rows.assign(half=0.5 * 10.0 ** -rows["decimals"])
    names = list(dict.fromkeys(rows["method"]))
    columns = [*metrics, "Delta_m%", "MR"]
    value, half = (
        rounded.pivot_table(index="method", columns="metric", values=name).reindex(index=names, columns=columns)
        for name in ("value", "half")
    )
    whole = value[list(metrics)].notna().all(axis=1).to_numpy()
    everything = Printed(value.to_numpy()[whole], half.to_numpy()[whole])
    directions = rows.groupby("metric")["higher_is_better"].first()
    return Table(
        methods=tuple(name for name, kept in zip(names, whole, strict=True) if kept),
        higher=tuple(bool(directions.get(name, True)) for name in metrics),
        cells=everything[:, : len(metrics)],
        delta_m=everything[:, len(metrics)],
        rank=everything[:, len(metrics) + 1],
    )


def delta_m_range(row: Printed, base: Printed, higher: Sequence[bool]) -> tuple[float, float]:
    """The least and the greatest Delta-m that the printed entries [S] allow."""
    least = delta_m(row.better(higher), base.worse(higher), higher)
    greatest = delta_m(row.worse(higher), base.better(higher), higher)
    return float(least), float(greatest)


def rank_ranges(cells: Printed, higher: Sequence[bool]) -> tuple[Floats, Floats]:
    """The least and the greatest mean rank of every row [M] that the printed entries [M, S] allow."""
    better, worse = cells.better(higher), cells.worse(higher)
    itself = np.eye(len(better), dtype=bool)[:, :, None]
    least = [mean_rank(np.where(mine, better, worse), higher) for mine in itself]
    greatest = [mean_rank(np.where(mine, worse, better), higher) for mine in itself]
    return np.diag(least), np.diag(greatest)


def allows(least: float, greatest: float, said: Printed) -> bool:
    """Whether a printed number may be the rounded form of something between these two."""
    room = float(said.half) + 1e-9
    return bool(least - room <= said.value <= greatest + room)


@cache
def table(key: Key) -> Table:
    """A printed table with the entries of all its methods."""
    rows, metrics = select(*key), METRICS[key[2]]
    if key in ALL_METHODS:
        lent = select("NTKMTL", "Table 7", key[2])
        has_entries = rows.loc[rows["metric"].isin(metrics), "method"]
        wanted = lent["method"].isin(select(*ALL_METHODS[key])["method"]) & ~lent["method"].isin(has_entries)
        rows = pd.concat([rows, lent[wanted & lent["metric"].isin(metrics)]])
    return arrange(rows, metrics)


def tables() -> Iterator[tuple[Key, Table]]:
    """Every table of a dataset whose Delta-m is known to be made of the printed metrics."""
    for paper, name, dataset in NUMBERS[["paper", "table", "dataset"]].drop_duplicates().itertuples(index=False):
        if dataset in METRICS:
            key = (paper.split()[0], name, dataset)
            yield key, table(key)
