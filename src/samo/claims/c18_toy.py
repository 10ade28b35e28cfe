"""18. "Both LS and LS with SAM are initialized from the same point, but they converge to different solutions"; SAM's
is flatter.

Test: on Subramani's two quadratics, where the walks with and without G-SAM end: their distance, and how many times
that of LS + SAM lambda_max of the averaged loss is at LS's end. True: distance above 0.1 (on axes of length 10 and 6;
with a fixed radius a walk oscillates by less than that), and above 1.01 times. False: one of them below. There is no
noise: the walks are the same each time. The averaged loss has Hessian 1.5 I everywhere, so that calculation says
false before any walk.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from samo.claims.effects import Exact
from samo.claims.evidence import Evidence
from samo.claims.rule import Comparison, Region

CLAIM = "On the quadratic toy LS + SAM ends elsewhere, and flatter, than LS"
SOURCE = "Subramani, toy example"
TOY = "quadratics"


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    ends = evidence.toys[(evidence.toys["toy"] == TOY) & (evidence.toys["aggregator"] == "ls")]
    found = []
    for start, rows in ends.groupby("start"):
        walks = {row["sharpness"]: row for row in rows.to_dict("records")}
        if {"none", "gsam"} <= set(walks):
            found += _comparisons(start, walks["none"], walks["gsam"])
    return found or [Comparison("toys", None, missing=f"the toy {TOY} with LS, none and gsam")]


def _comparisons(start: object, plain: Mapping[Any, Any], sam: Mapping[Any, Any]) -> list[Comparison]:
    distance = math.hypot(plain["x1"] - sam["x1"], plain["x2"] - sam["x2"])
    flatter = plain["lambda_max"] / sam["lambda_max"]
    return [
        Comparison(
            "toys", Exact(distance), Region(low=0.1), "distance", "ls", f"start {start}: elsewhere", "toys-line"
        ),
        Comparison("toys", Exact(flatter), Region(low=1.01), "times", "ls", f"start {start}: flatter", "toys-line"),
    ]
