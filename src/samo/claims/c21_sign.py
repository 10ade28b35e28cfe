"""21. Ours: the probe's sign carries information. After layer normalisation nothing else of the estimate is left.

Test: Delta-m of the placebo (the same random perturbation, with a coin for the sign and no probe) minus that of SAMO
on the same aggregator. True: above 0. False: below 0. The two alike stays undecided: claim 23 asks for that.
"""

from collections.abc import Sequence

from samo.claims.cells import Kind
from samo.claims.contrast import SAMO, compare
from samo.claims.evidence import Evidence
from samo.claims.rule import Comparison

CLAIM = "The probe's sign carries information: SAMO beats the placebo"
SOURCE = "ours, from SAMO's formulas"


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    return compare(evidence, Kind("placebo"), SAMO)
