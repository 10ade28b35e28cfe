"""All claims with their verdicts as one frame, and as text for people."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from samo.claims import get, numbers
from samo.claims.comparison import Row
from samo.claims.evidence import Evidence
from samo.claims.rule import judge
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
    """A row a comparison; before these, a row for the whole claim (dataset "all") and one a case ("pooled").

    effect, low and high are the effect and its 95 % interval in `unit`, `needs` is where it lies if the claim holds. An
    overall row has the pooled effect of the weakest case. `regime` says what the verdict speaks of: updates, network,
    tasks. See `samo.claims.rule`.
    """
    found = []
    for number in numbers():
        claim = get(number)
        judged = judge(claim.comparisons(evidence))
        head = {"number": number, "claim": claim.CLAIM, "source": claim.SOURCE}
        rows = [head | _columns(row, evidence) for row in (judged.whole, *judged.cases, *judged.places)]
        found += [rows[0] | {"quote": claim.QUOTE}, *rows[1:]]
    return pd.DataFrame(found, columns=COLUMNS).fillna({"quote": ""})


def _columns(row: Row, evidence: Evidence) -> dict[str, Any]:
    comparison, interval = row.comparison, row.interval
    effect = comparison.effect
    return {
        "dataset": comparison.dataset,
        "base": comparison.base,
        "case": comparison.case,
        "effect": interval.mean,
        "unit": comparison.unit,
        "low": interval.low,
        "high": interval.high,
        "needs": str(comparison.region) if effect else "",
        "seeds": effect.n if effect and effect.n else math.nan,
        "verdict": str(row.verdict),
        "regime": evidence.regime(row.datasets),
        "figure": comparison.figure if effect else "",
        "why": row.why,
    }


def places(claims: pd.DataFrame) -> pd.DataFrame:
    """The comparisons that were run, one a place."""
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
    whole = claims[claims["dataset"] == ALL]
    rows = [
        (
            str(row["number"]),
            row["claim"],
            row["source"],
            f"**{row['verdict']}**",
            effect(row),
            row["regime"],
            row["why"],
        )
        for row in whole.to_dict("records")
    ]
    head = ("", "claim", "source", "verdict", "pooled effect (95 %)", "speaks of", "why")
    parts = [_grid(head, rows), f"\n{reading(claims)}\n"]
    heads = ("dataset", "base", "case", "effect (95 %)", "needs", "seeds", "verdict", "why")
    for number, part in claims[claims["verdict"] != "not run"].groupby("number", sort=False):
        lines = [
            (
                *(str(row[c]) for c in heads[:3]),
                *(effect(row), row["needs"], text(row["seeds"], 0), row["verdict"], row["why"]),
            )
            for row in part[part["dataset"] != ALL].to_dict("records")
        ]
        said = f"\n> {part['quote'].iloc[0]}\n" if part["quote"].iloc[0] else ""
        parts.append(f"\n## {number}. {part['claim'].iloc[0]}\n{said}\n{_grid(heads, lines)}")
    return "".join(parts)


def reading(claims: pd.DataFrame) -> str:
    """How many comparisons there are, and what their verdicts are corrected for."""
    return (
        f"{len(places(claims))} comparisons were run. A claim's verdict is of the effect pooled over its places, each "
        "of which stands beside it with its own 95 % interval and a verdict corrected for the number of that claim's "
        "comparisons. Nothing is corrected across claims."
    )


def _grid(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple(":--" for _ in head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
