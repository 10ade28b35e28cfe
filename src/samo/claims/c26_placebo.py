"""26. Ours: SAMO equals its placebo at equal settings.

Tested: as claim 21, Delta-m of the placebo minus SAMO's where learning rate, rho and alpha are equal and the
perturbation shows. The sentence itself is of no difference. Supported: within half a point (`contrast.MARGIN`), by two
one-sided tests. Contradicted: outside of it.
"""

from collections.abc import Sequence

from samo.claims.c21_sign import at_equal_settings
from samo.claims.comparison import Comparison
from samo.claims.contrast import ALIKE
from samo.claims.evidence import Evidence

CLAIM = "SAMO equals its placebo, a coin for the sign, at equal settings"
QUOTE = ""
SOURCE = "ours, from SAMO's formulas"


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    return at_equal_settings(evidence, ALIKE)
