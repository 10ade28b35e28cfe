"""26. SAMO equals its placebo, a coin for the sign, at equal settings.

Tested: as claim 21, Delta-m of the placebo minus SAMO's where learning rate, rho and alpha are equal and the
perturbation shows. The sentence itself is of no difference. Supported: within half a point (`contrast.MARGIN`), by two
one-sided tests. Contradicted: outside of it.
"""

from functools import partial

from samo.claims.c21_sign import at_equal_settings
from samo.claims.contrast import ALIKE, each_dataset

SOURCE = "ours, from SAMO's formulas"

comparisons = each_dataset(partial(at_equal_settings, region=ALIKE))
