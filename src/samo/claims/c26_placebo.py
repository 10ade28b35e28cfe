"""26. SAMO equals its placebo, a coin for the sign, at equal settings.

Tested: as claim 21, Delta-m of the placebo minus SAMO's where learning rate, rho and alpha are equal and the
perturbation shows, dose by dose. The sentence itself claims no difference. Supported: within 0.3 points, by two
one-sided tests: half the smallest gain of F-MTL's Table 1 on Multi-MNIST (0.60), and what eight seeds can show.
Contradicted: outside of it.
"""

from samo.claims.c21_sign import at_equal_settings
from samo.claims.contrast import Region

SOURCE = "ours, from SAMO's formulas"

comparisons = at_equal_settings(Region(-0.3, 0.3))
