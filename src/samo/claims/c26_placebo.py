"""26. SAMO equals its placebo, a coin for the sign, at equal settings.

Tested: as claim 21, Delta-m of the placebo minus SAMO's where learning rate, rho and alpha are equal and the
perturbation shows, dose by dose. The sentence itself claims no difference. Supported: within 0.3 points, by two
one-sided tests: half the smallest gain of the papers on this family (0.6), and what eight seeds can show. Contradicted:
outside of it.
"""

from functools import partial

from samo.claims.c21_sign import at_equal_settings
from samo.claims.comparison import Region
from samo.claims.contrast import each_dataset

SOURCE = "ours, from SAMO's formulas"
SAME = Region(-0.3, 0.3)

comparisons = each_dataset(partial(at_equal_settings, region=SAME))
