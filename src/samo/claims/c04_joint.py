"""4. Joint perturbation beats global alone and local alone.

Tested: Delta-m of G-SAM, and that of L-SAM, minus that of SAMO on the same aggregator. Supported: both pooled effects
above 0. Equivalent: both within half a point (`contrast.MARGIN`), or one above 0 and one within. Contradicted: one of
them below 0.
"""

from collections.abc import Sequence

from samo.claims.comparison import Comparison
from samo.claims.contrast import GSAM, LSAM, SAMO, compare
from samo.claims.evidence import Evidence

CLAIM = "Joint perturbation beats global alone and local alone"
QUOTE = "The joint global-local perturbation consistently outperforms using either global or local perturbation alone."
SOURCE = "SAMO, ablation of global and local perturbation"


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    return [*compare(evidence, GSAM, SAMO, case="over G-SAM"), *compare(evidence, LSAM, SAMO, case="over L-SAM")]
