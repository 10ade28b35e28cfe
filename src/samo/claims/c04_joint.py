"""4. "The joint global-local perturbation consistently outperforms using either global or local perturbation alone."

Test: Delta-m of G-SAM, and that of L-SAM, minus that of SAMO on the same aggregator. True: both above 0, everywhere.
False: one of them below 0 somewhere.
"""

from collections.abc import Sequence

from samo.claims.contrast import GSAM, LSAM, SAMO, compare
from samo.claims.evidence import Evidence
from samo.claims.rule import Comparison

CLAIM = "Joint perturbation beats global alone and local alone"
SOURCE = "SAMO, ablation of global and local perturbation"


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    return [*compare(evidence, GSAM, SAMO, case="over G-SAM"), *compare(evidence, LSAM, SAMO, case="over L-SAM")]
