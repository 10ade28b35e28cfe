"""31. A remembered gradient in the probe's place beats the placebo.

Tested: as claim 21, Delta-m of the placebo minus that of SAMO with each task's last own gradient (`samo-remembered`,
which costs no pass), at equal learning rate, rho and alpha where the perturbation shows, dose by dose. Supported:
above 0. Equivalent: within 0.3 points (claim 26): local information of real gradients buys nothing either.
Contradicted: below 0.
"""

from samo.claims.c21_sign import at_equal_settings
from samo.claims.contrast import Region
from samo.claims.evidence import Kind

SOURCE = "ours"

comparisons = at_equal_settings(Region(low=0.0, alike=(-0.3, 0.3)), Kind("samo-remembered"))
