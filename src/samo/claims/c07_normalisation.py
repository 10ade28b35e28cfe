"""7. "The variance of zeroth-order gradient estimates can be large [...]. SAMO proposes layer-wise normalization."

Test: Delta-m of SAMO without normalisation, and of SAMO normalised as a whole, minus that of SAMO normalised layer by
layer, on the same aggregator. True ("needed"): both above 0. False: one of them below 0.
"""

from collections.abc import Sequence
from dataclasses import replace

from samo.claims.cells import Kind
from samo.claims.contrast import SAMO, compare
from samo.claims.evidence import Evidence
from samo.claims.measures import DELTA_M
from samo.claims.rule import Comparison

CLAIM = "Layer-wise normalisation is needed"
SOURCE = "SAMO, method; all three normalisations are in its code"
SHOWN = replace(DELTA_M, figure="sensitivity")


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    return [
        comparison
        for how, case in (("none", "over none"), ("global", "over global"))
        for comparison in compare(evidence, Kind("samo", {"normalise": how}), SAMO, SHOWN, case=case)
    ]
