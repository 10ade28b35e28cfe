"""2. SAM lowers lambda_max and lambda_max / lambda_5.

Tested: each of the two for the averaged loss's Hessian over the trunk, after training: its value without sharpness
divided by that of G-SAM, on the same aggregator. Supported: above 1, both. Equivalent: within 10 %, about what another
draw of the data moves an eigenvalue by. Contradicted: below 1, one of them.
"""

from samo.claims.contrast import GSAM, PLAIN, Region, compare, each
from samo.claims.evidence import LAMBDA_MAX, LAMBDA_RATIO

QUOTE = "Sharpness metrics λ_max and λ_max/λ_5 of the loss landscape both decrease markedly."
SOURCE = "SAMO, Hessian spectra"
SHARPER = Region(low=1.0, alike=(1 / 1.1, 1.1))
"""How many times as sharp the other is."""

comparisons = each(
    compare(PLAIN, GSAM, LAMBDA_MAX, region=SHARPER, case="lambda_max"),
    compare(PLAIN, GSAM, LAMBDA_RATIO, region=SHARPER, case="lambda_max / lambda_5"),
)
