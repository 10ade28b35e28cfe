"""Which method may stand in bold: one rule for every column of every table.

Bold is the method with the best mean, and only if it is told apart from each of the others: the 95 % interval of its
difference to every one of them, paired by seed, lies wholly on its side. No correction is made for the number of
rivals: to win, it must beat the closest of them, too. Single-task training takes no part.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from samo.results.stats import paired_interval
from samo.results.tables import Runs, delta_by_seed, higher, metric_names, reference, values

BySeed = Mapping[str, float]


def clear(results: Mapping[str, BySeed], *, higher_is_better: bool) -> str | None:
    """The method that beats every other one by more than the noise of the seeds, or None.

    `results` maps a method to its value by seed. A method with a missing value (a run that diverged) takes no part; one
    alone has nothing to beat.
    """
    sign = 1.0 if higher_is_better else -1.0
    whole = {name: seeds for name, seeds in results.items() if seeds and np.isfinite(list(seeds.values())).all()}
    if len(whole) < 2:
        return None
    first = max(whole, key=lambda name: sign * float(np.mean(list(whole[name].values()))))
    gaps = [paired_interval(whole[first], whole[name]) for name in whole if name != first]
    return first if all(gap.sign == sign for gap in gaps) else None


def table(runs: Runs) -> pd.DataFrame:
    """A row a column of the main table, with the method that is bold there: column, method (empty where none is)."""
    single = reference(runs)
    ran = {name: run for name, run in runs.items() if run and name != single}
    rows: list[tuple[str, str | None]] = []
    against = runs[single] if single else None
    if against is not None:
        by_method = {name: delta_by_seed(run, against) for name, run in ran.items()}
        rows.append(("delta_m", clear(by_method, higher_is_better=False)))
    for run in list(ran.values())[:1]:
        for k, (name, up) in enumerate(zip(metric_names(run), higher(run), strict=True)):
            column = {m: dict(zip(r["seeds"], values(r)[:, k].tolist(), strict=True)) for m, r in ran.items()}
            rows.append((name, clear(column, higher_is_better=up)))
    return pd.DataFrame([(column, method or "") for column, method in rows], columns=["column", "method"])
