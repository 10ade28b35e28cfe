"""33. The same compute buys more as plain updates than as SAMO's.

Each budget is a training with a schedule of its own, compute is the count of passes. Tested: Delta-m of SAMO minus that
of its aggregator alone after the longest budget that costs no more and is longer, both against the single-task runs of
the last budget; a case per pair of budgets, so that all must hold. Supported: above 0. Equivalent: within half a point
(`contrast.MARGIN`). Contradicted: below 0.
"""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from samo.claims.contrast import GAIN, PLAIN, SAMO, Comparison, difference, each_dataset, places
from samo.claims.evidence import Evidence, rows

SOURCE = "ours"


@each_dataset
def comparisons(evidence: Evidence, dataset: str) -> Iterator[Comparison]:
    for place in places(evidence, dataset, (PLAIN, SAMO)):
        found = list(_budgets(evidence, dataset, *place.methods)) if place.methods else []
        if not found:
            lack = place.missing or f"a longer training of {place.base} that costs no more, with its count of passes"
            yield Comparison(dataset, base=place.base, missing=lack)
        for short, long in found:
            plain, samo = place.methods
            effect = difference(_as_one(evidence, dataset, {samo: short, plain: long}), dataset, samo, plain)
            case, lack = f"{short:,} updates for {long:,}", "runs on the same seeds"
            gain = replace(place, effect=effect, region=GAIN, unit="Δm points", case=case, missing=lack)
            yield replace(gain, figure=f"{dataset}-ladder")


def _budgets(evidence: Evidence, dataset: str, plain: str, samo: str) -> Iterator[tuple[int, int]]:
    """(SAMO's budget, the longest longer one of its base that costs no more)."""
    counts = [rows(evidence.cost, dataset, method)["count_ratio"] for method in (samo, plain)]
    if any(count.empty for count in counts):
        return
    times = float(counts[0].iloc[0]) / float(counts[1].iloc[0])
    budgets = {m: sorted(set(rows(evidence.runs, dataset, m)["updates"])) for m in (plain, samo)}
    for short in budgets[samo]:
        if affordable := [n for n in budgets[plain] if short < n <= times * short]:
            yield int(short), int(affordable[-1])


def _as_one(evidence: Evidence, dataset: str, budgets: dict[str, int]) -> Evidence:
    """These methods at these budgets as if at the last one, beside the other runs of that."""
    runs, last = evidence.runs, evidence.last.runs
    others = last[(last["dataset"] == dataset) & ~last["method"].isin(budgets)]
    own = [rows(runs, dataset, method, updates=n) for method, n in budgets.items()]
    return replace(evidence, runs=pd.concat([others, *own]).assign(updates=others["updates"].max()))
