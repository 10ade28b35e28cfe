"""Delta-m of every run, seed by seed."""

from collections.abc import Mapping, Sequence

import pandas as pd

from samo.claims.cells import Cell, Kind
from samo.results.metrics import delta_m

PLAIN = Kind("none")
SINGLE = Kind("none", networks="separate")


def delta_m_by_seed(runs: pd.DataFrame, known: Sequence[Cell]) -> Mapping[str, pd.Series]:
    """{method: Delta-m in per cent by seed} of one dataset's runs; lower is better.

    Against the mean of the single-task runs (STL), as in the main table. Where there are none, against the plain
    method with LS, else against the first plain method there is: its own Delta-m is then about 0, and differences
    between methods mean the same, with other weights for the metrics.
    """
    reference = _reference(known)
    if reference is None:
        return {}
    # Not `pivot_table`: it drops the row of a seed whose values are all missing, a run that diverged.
    values = {
        str(method): part.pivot(index="seed", columns=["task", "metric"], values="value").astype(float)  # noqa: PD010
        for method, part in runs.groupby("method", sort=False)
    }
    base = values[reference].mean(skipna=False)
    order = base.index
    higher = runs.drop_duplicates(["task", "metric"]).set_index(["task", "metric"])["higher_is_better"].loc[order]
    return {
        method: pd.Series(delta_m(table[order].to_numpy(), base.to_numpy(), higher.to_numpy(bool)), index=table.index)
        for method, table in values.items()
    }


def _reference(known: Sequence[Cell]) -> str | None:
    single = [cell.method for cell in known if cell.kind == SINGLE]
    plain = sorted((cell for cell in known if cell.kind == PLAIN), key=lambda cell: cell.base != "ls")
    return next(iter([*single, *(cell.method for cell in plain)]), None)
