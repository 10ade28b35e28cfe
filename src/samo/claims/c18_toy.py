"""18. On the quadratic toy LS + SAM ends elsewhere, and flatter, than LS.

Tested: on Subramani's two quadratics, where the trajectories with and without G-SAM end: their distance, and how many
times that of LS + SAM lambda_max of the averaged loss is at LS's end. Supported: distance above 0.1 (on axes of length
10 and 6; with a fixed radius a trajectory oscillates by less than that), and above 1.01 times. Contradicted: one of
them below. There is no noise: the trajectories are the same each time. The averaged loss has Hessian 1.5 I everywhere,
so that a calculation contradicts the sentence before any run.
"""

import math
from collections.abc import Sequence

from samo.claims.contrast import Comparison, Region
from samo.claims.effects import exactly
from samo.claims.evidence import Evidence

QUOTE = "initialized from the same starting point x_0 = (0, 0), but they converge to different solutions"
SOURCE = "Subramani, toy example"
TOY = "quadratics"


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    ends = evidence.toys[(evidence.toys["toy"] == TOY) & (evidence.toys["aggregator"] == "ls")]
    found = []
    for start, rows in ends.groupby("start"):
        by = {row["sharpness"]: row for row in rows.to_dict("records")}
        if {"none", "gsam"} <= set(by):
            plain, sam, note = by["none"], by["gsam"], f"start {start}"
            far = exactly(math.hypot(plain["x1"] - sam["x1"], plain["x2"] - sam["x2"]))
            flat = exactly(plain["lambda_max"] / sam["lambda_max"])
            found += [
                Comparison("toys", far, Region(low=0.1), "distance", "ls", "elsewhere", "toys-line", note=note),
                Comparison("toys", flat, Region(low=1.01), "times", "ls", "flatter", "toys-line", note=note),
            ]
    return found or [Comparison("toys", missing=f"the toy {TOY} with LS, none and gsam")]
