"""The second run in a table: what each method gained over LS or its own aggregator, and at what price."""

from typing import Any

import pandas as pd

from samo.claims import contrast
from samo.claims.evidence import CALIBRATION, DELTA_M, LAMBDA_MAX, TEST_LOSS, Evidence, Measure
from samo.figures.palette import spoken
from samo.results.tables import text
from samo.study.report.reference import Reference

TIMES: dict[str, Measure] = {"test loss": TEST_LOSS, "calibration error": CALIBRATION, "λ_max": LAMBDA_MAX}
"""Measures that the table shows as ratios, the method's over its base's."""
MEASURED = {"cosine_mean": "cosine", "magnitude_ratio": "ratio"}
HEADS = ["method", "compute", "seeds", "learning rate", "gain in Δm, points", *TIMES]


def table(run: Reference, dataset: str) -> pd.DataFrame:
    """A row per method that has a base with the same seeds, as text: `HEADS`, all with 95 % intervals.

    compute: passes in units of LS; learning rate: with the base's where that has another, which may then be what gains;
    a gain is paired by seed; the other columns are ratios to the base's.
    """
    budgets = run.budgets[run.budgets["dataset"] == dataset]
    last = budgets[(budgets["updates"] == budgets["updates"].max()) & (budgets["networks"] == "shared")]
    plain = last[last["sharpness"] == "none"]
    base_of = dict(zip(zip(plain["aggregator"], plain["setting"], strict=True), plain["method"], strict=True))
    rows = []
    for row in last.dropna(subset=["gain"]).drop_duplicates("method").to_dict("records"):
        # A method at a given learning rate is compared with the aggregator at that rate.
        aggregator, method = row["aggregator"], row["method"]
        base = base_of.get((aggregator, row["setting"])) or base_of[aggregator, ""]
        found = [_words(run.evidence, dataset, base, method)]
        found += [_words(run.evidence, dataset, method, base, measure) for measure in TIMES.values()]
        units, seeds = row["cost"] / row["updates"], last[last["method"] == method]["gain"].count()
        own, other = row["lr"], plain.loc[plain["method"] == base, "lr"].iloc[0]
        rate = f"{own:.2g}" + (f", base {other:.2g}" if own != other else "")
        rows.append([_named(row), text(units, 1), str(seeds), rate, *found])
    return pd.DataFrame(rows, columns=HEADS)


def agreement(run: Reference) -> pd.DataFrame:
    """How two tasks' gradients relate under methods without sharpness, at each dataset's longest budget.

    Columns: dataset, method, seed, update, cosine, ratio (the shorter gradient's length over the longer's).
    """
    budgets = run.budgets[(run.budgets["sharpness"] == "none") & (run.budgets["networks"] == "shared")]
    last = budgets.groupby("dataset")["updates"].transform("max") == budgets["updates"]
    keys = ["dataset", "method", "updates", "seed"]
    found = run.frames["history"].merge(budgets.loc[last, keys], on=keys)
    wide = found.pivot_table(index=["dataset", "method", "seed", "update"], columns="metric", values="value")
    return wide.rename(columns=MEASURED).reindex(columns=list(MEASURED.values())).dropna().reset_index()


def _named(row: dict[Any, Any]) -> str:
    radius = "" if pd.isna(row["rho"]) else f"rho {row['rho']:g}"
    return ", ".join(filter(None, (spoken(row["aggregator"], row["sharpness"]), row["setting"], radius)))


def _words(evidence: Evidence, dataset: str, first: str, second: str, measure: Measure = DELTA_M) -> str:
    effect = contrast.difference(evidence, dataset, first, second, measure=measure)
    if effect is None:
        return "—"
    mean, low, high, _ = effect.interval()
    return f"{text(mean, 2)} ({text(low, 2)} to {text(high, 2)})"
