"""Mean ranks recomputed from every printed table that is complete: they give what was printed.

How exactly is up to the printed digits (`tests.results.published`). Exceptions are listed by name.
"""

import numpy as np
import pandas as pd
import pytest

from samo.results.metrics import mean_rank
from samo.study.report.published import METRICS
from tests.results.published import (
    RERUN,
    Key,
    Printed,
    Table,
    Wrong,
    allows,
    arrange,
    rank_ranges,
    select,
    table,
    tables,
)

RANKED = {
    ("FAMO", "Table 1", "nyuv2"): 12,
    ("FAMO", "Table 2", "qm9"): 11,
    ("FAMO", "Table 3", "cityscapes"): 12,
    ("NTKMTL", "Table 1", "nyuv2"): 21,
    ("NTKMTL", "Table 2", "cityscapes"): 14,
    ("NTKMTL", "Table 7", "cityscapes"): 17,
    ("NTKMTL", RERUN, "qm9"): 14,
    ("EXTRA", "Table 3", "cityscapes"): 3,
}
"""How many mean ranks each table prints beside all metrics of all its methods: 104."""

RANKS = {
    # These ranks count from 0.
    ("FAMO", "Table 2", "qm9"): {
        "LS": Wrong(6.45, 7.59),
        "SI": Wrong(3.55, 4.5),
        "RLW": Wrong(8.0, 8.86),
        "DWA": Wrong(6.27, 7.23),
        "UW": Wrong(4.91, 5.82),
        "MGDA": Wrong(5.91, 6.91),
        "PCGrad": Wrong(4.73, 5.77),
        "CAGrad": Wrong(5.45, 6.55),
        "IMTL-G": Wrong(4.36, 5.45),
        "Nash-MTL": Wrong(2.09, 3.09),
        "FAMO": Wrong(3.27, 4.23),
    },
    # The entries of LS repeat those of SI, which moves others, too.
    ("FAMO", "Table 3", "cityscapes"): {
        "LS": Wrong(6.5, 9.0),
        "RLW": Wrong(9.25, 8.5),
        "UW": Wrong(6.0, 5.5),
        "GradDrop": Wrong(6.0, 5.75),
        "CAGrad": Wrong(5.75, 5.38),
        "Nash-MTL": Wrong(2.0, 2.25),
        "FAMO": Wrong(6.25, 5.75),
    },
    # As if they had changed places in one of the two metrics in which they are neighbours and DWA is ahead.
    ("NTKMTL", "Table 1", "nyuv2"): {"SI": Wrong(16.11, 16.22), "DWA": Wrong(16.33, 16.22)},
}
"""What does not come out."""


def ranked(printed: Table) -> tuple[list[str], Printed, Printed]:
    """The methods that are ranked (all but single-task training), their entries, their mean ranks as printed."""
    kept = [place for place, method in enumerate(printed.methods) if method != "STL"]
    return [printed.methods[place] for place in kept], printed.cells[kept], printed.rank[kept]


def misranked(printed: Table, from_zero: bool = False) -> dict[str, Wrong]:
    """The methods whose printed mean rank their table's entries do not allow."""
    methods, cells, said = ranked(printed)
    middle = mean_rank(cells.value, printed.higher)
    wrong = {}
    for place, (least, greatest) in enumerate(zip(*rank_ranges(cells, printed.higher), strict=True)):
        if not np.isnan(said.value[place]) and not allows(least - from_zero, greatest - from_zero, said[place]):
            wrong[methods[place]] = Wrong(float(said.value[place]), round(float(middle[place]), 2))
    return wrong


def with_ranks() -> dict[Key, Table]:
    """The tables that print mean ranks beside all metrics."""
    return {key: printed for key, printed in tables() if not np.isnan(printed.rank.value).all()}


def test_every_complete_table_is_ranked():
    counted = {key: int((~np.isnan(printed.rank.value)).sum()) for key, printed in with_ranks().items()}
    assert counted == RANKED
    assert sum(counted.values()) == 104
    for key, printed in with_ranks().items():
        mentioned = set(select(*key).query("metric == 'MR'")["method"])
        assert mentioned <= set(printed.methods)  # a method without entries would shift all others


def test_mean_ranks_are_what_was_printed():
    wrong = {key: misranked(printed) for key, printed in with_ranks().items()}
    rounded = {key: {m: pytest.approx(w, abs=0.011) for m, w in found.items()} for key, found in RANKS.items()}
    assert {key: found for key, found in wrong.items() if found} == rounded


def test_the_reasons_for_other_ranks_hold():
    assert misranked(table(("FAMO", "Table 2", "qm9")), from_zero=True) == {}
    rows, right = select("FAMO", "Table 3", "cityscapes"), select("NTKMTL", "Table 7", "cityscapes")
    metrics = METRICS["cityscapes"]
    entries = rows["metric"].isin(metrics)
    lent = right[right["method"].eq("LS") & right["metric"].isin(metrics)]
    mended = pd.concat([rows[~(rows["method"].eq("LS") & entries)], lent])
    assert misranked(arrange(mended, metrics)) == {}


@pytest.mark.parametrize("metric", ["Angle Median", "Within 30"])
def test_two_ranks_are_those_of_neighbours_who_changed_places(metric):
    rows = select("NTKMTL", "Table 1", "nyuv2")
    turned = rows["method"].isin(["SI", "DWA"]) & rows["metric"].eq(metric)
    swapped = rows.assign(method=rows["method"].where(~turned, rows["method"].map({"SI": "DWA", "DWA": "SI"})))
    assert misranked(arrange(swapped, METRICS["nyuv2"])) == {}
