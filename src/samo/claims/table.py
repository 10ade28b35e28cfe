"""All claims with their verdicts as one frame, and as text for people."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from samo.claims import get, numbers
from samo.claims.evidence import Evidence
from samo.claims.rule import judge
from samo.results import tables
from samo.results.tables import text

COLUMNS = [
    *("number", "claim", "source", "quote", "dataset", "base", "case", "effect", "unit", "low", "high", "needs"),
    *("seeds", "verdict", "regime", "figure", "why"),
]
ALL = "all"
"""The dataset of a claim's overall row."""
POOLED = "pooled"
"""The dataset of the pooled effect of one of a claim's cases."""


def table(evidence: Evidence) -> pd.DataFrame:
    """A row per comparison; before these, one for the whole claim (dataset "all") and one per case ("pooled").

    effect, low and high are the effect and its 95 % interval in `unit`, `needs` is where it lies if the claim holds. An
    overall row has the pooled effect of the weakest case. `regime` says what the verdict speaks of: updates, network,
    tasks. See `samo.claims.rule`.
    """
    found = []
    for number in numbers():
        claim = get(number)
        judged = judge(claim.comparisons(evidence))
        for k, row in enumerate((judged.whole, *judged.cases, *judged.places)):
            c, ran, (mean, low, high, _) = row.comparison, row.comparison.effect, row.interval
            found.append(
                (
                    *(number, claim.sentence, claim.source, "" if k else claim.quote, c.dataset, c.base, c.case),
                    *(mean, c.unit, low, high, str(c.region) if ran else "", ran.n if ran and ran.n else math.nan),
                    *(str(row.verdict), evidence.regime(row.datasets), c.figure if ran else "", row.why),
                )
            )
    return pd.DataFrame(found, columns=COLUMNS)


def places(claims: pd.DataFrame) -> pd.DataFrame:
    """The comparisons that were run, one per place."""
    apart = ~claims["dataset"].isin([ALL, POOLED]) & ~claims["verdict"].isin(["not run", "not testable"])
    return claims[apart]


def effect(row: Mapping[Any, Any]) -> str:
    """A row's effect with its interval, "−0.41 (−1.20 … 0.38) Δm points", or — where there is none."""
    if pd.isna(row["effect"]):
        return "—"
    digits = 2 if abs(row["effect"]) >= 0.1 else 3
    limits = f" ({text(row['low'], digits)} … {text(row['high'], digits)})" if not pd.isna(row["low"]) else ""
    return f"{text(row['effect'], digits)}{limits} {row['unit']}".rstrip()


def markdown(claims: pd.DataFrame) -> str:
    """The overall verdicts, then each claim's cases and comparisons, as GitHub's Markdown."""
    shown = claims.assign(
        **{"effect (95 %)": claims.apply(effect, axis=1), "": claims["number"].astype(str)},
        seeds=[text(n, 0) for n in claims["seeds"]],
    )
    whole = shown[shown["dataset"] == ALL].assign(verdict=lambda rows: "**" + rows["verdict"] + "**")
    named = whole.rename(columns={"effect (95 %)": "pooled effect (95 %)", "regime": "speaks of"})
    heads = ["", "claim", "source", "verdict", "pooled effect (95 %)", "speaks of", "why"]
    parts = [tables.markdown(named[heads], right=()), f"\n{reading(claims)}\n"]
    columns = ["dataset", "base", "case", "effect (95 %)", "needs", "seeds", "verdict", "why"]
    for number, part in shown[shown["verdict"] != "not run"].groupby("number", sort=False):
        said = f"\n> {part['quote'].iloc[0]}\n" if part["quote"].iloc[0] else ""
        lines = tables.markdown(part.loc[part["dataset"] != ALL, columns], right=())
        parts.append(f"\n## {number}. {part['claim'].iloc[0]}\n{said}\n{lines}")
    return "".join(parts)


def reading(claims: pd.DataFrame) -> str:
    """How many comparisons there are, and what their verdicts are corrected for."""
    return (
        f"{len(places(claims))} comparisons were run. A claim's verdict is of the effect pooled over its places, each "
        "of which stands beside it with its own 95 % interval and a verdict corrected for the number of that claim's "
        "comparisons. Nothing is corrected across claims."
    )
