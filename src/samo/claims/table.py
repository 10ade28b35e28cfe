"""All claims with their verdicts as one frame, and as text for people."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from samo.claims import get, numbers
from samo.claims.evidence import Evidence
from samo.claims.rule import Row, judge, overall
from samo.results.tables import text

COLUMNS = [
    *("number", "claim", "source", "dataset", "base", "case", "effect", "unit", "low", "high", "needs", "seeds"),
    *("verdict", "simultaneous", "figure", "why"),
]
ALL = "all"
"""The dataset of a claim's overall row."""


def table(evidence: Evidence) -> pd.DataFrame:
    """A row a comparison and, as each claim's first, one for the whole claim (dataset "all"); see `samo.claims.rule`.

    effect, low and high are the effect and its 95 % interval in `unit`, `needs` is where they must lie for the claim to
    hold. In an overall row they are those of the comparison that supports the claim least, which `case` names.
    `simultaneous` is the verdict by the interval that is corrected for the number of the claim's comparisons.
    """
    found = []
    for number in numbers():
        claim = get(number)
        rows = judge(claim.comparisons(evidence))
        head = {"number": number, "claim": claim.CLAIM, "source": claim.SOURCE}
        found += [head | _columns(row) for row in (overall(rows), *rows)]
    return pd.DataFrame(found, columns=COLUMNS)


def _columns(row: Row) -> dict[str, Any]:
    comparison, interval = row.comparison, row.interval
    return {
        "dataset": comparison.dataset,
        "base": comparison.base,
        "case": comparison.case,
        "effect": interval.mean,
        "unit": comparison.unit,
        "low": interval.low,
        "high": interval.high,
        "needs": "" if comparison.effect is None else str(comparison.region),
        "seeds": interval.n if comparison.effect is not None and comparison.effect.seeded else math.nan,
        "verdict": str(row.verdict),
        "simultaneous": str(row.simultaneous),
        "figure": comparison.figure if comparison.effect is not None else "",
        "why": row.why,
    }


def effect(row: Mapping[Any, Any]) -> str:
    """A row's effect with its interval, "−0.41 (−1.20 … 0.38) Δm points", or — where there is none."""
    if pd.isna(row["effect"]):
        return "—"
    digits = 2 if max(abs(row["effect"]), 0.0) >= 0.1 else 3
    limits = f" ({text(row['low'], digits)} … {text(row['high'], digits)})" if not pd.isna(row["low"]) else ""
    return f"{text(row['effect'], digits)}{limits} {row['unit']}".rstrip()


def markdown(claims: pd.DataFrame) -> str:
    """The overall verdicts, then each claim's comparisons, as GitHub's Markdown."""
    whole = claims[claims["dataset"] == ALL]
    rows = [
        (str(row["number"]), row["claim"], row["source"], f"**{row['verdict']}**", row["why"])
        for row in whole.to_dict("records")
    ]
    parts = [_grid(("", "claim", "source", "verdict", "why"), rows), f"\n{reading(claims)}\n"]
    head = ("dataset", "base", "case", "effect (95 %)", "needs", "seeds", "verdict", "why")
    for number, part in claims[claims["verdict"] != "not run"].groupby("number", sort=False):
        lines = [
            (*(str(row[c]) for c in head[:3]), effect(row), row["needs"], text(row["seeds"], 0), *_ends(row))
            for row in part[part["dataset"] != ALL].to_dict("records")
        ]
        parts.append(f"\n## {number}. {part['claim'].iloc[0]}\n\n{_grid(head, lines)}")
    return "".join(parts)


def reading(claims: pd.DataFrame) -> str:
    """How many comparisons there are, and how many false verdicts to expect among them by chance."""
    done = claims[(claims["dataset"] != ALL) & (claims["verdict"] != "not run")]
    decided = int((done["verdict"] != "undecided").sum())
    return (
        f"{len(done)} comparisons were run and {decided} decided, each by its own 95 % interval: were there no effect "
        f"in any of them, about {text(0.05 * len(done), 1)} would be decided by chance. The verdict on a whole claim "
        "is corrected for the number of its comparisons, not for the number of claims."
    )


def _ends(row: Mapping[Any, Any]) -> tuple[str, str]:
    return row["verdict"], row["why"]


def _grid(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple(":--" for _ in head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
