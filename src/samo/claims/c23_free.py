"""23. A perturbation without a further pass (msam, lookback) does as well as SAMO.

Momentum-SAM and look-back move along what the optimiser did before. Tested, for each of the two on the same aggregator:
Delta-m of SAMO minus its own, and its step as a multiple of one without sharpness. Supported: not worse by half a point
(`contrast.MARGIN`), and below 1.1 times. Contradicted: worse by more than that, or slower. Not testable where SAMO
shows no gain over its base; where the gain of these comes from is claim 27's matter.
"""

from samo.claims.contrast import AS_WELL, NO_EXTRA_TIME, PLAIN, SAMO, compare, each, times, with_gain
from samo.claims.evidence import Kind

SOURCE = "ours; Momentum-SAM (Becker et al. 2024)"
FREE = (Kind("msam"), Kind("lookback"))

comparisons = each(
    with_gain(each(*(compare(SAMO, kind, region=AS_WELL, case=f"{kind} as good") for kind in FREE))),
    *(times(kind, PLAIN, region=NO_EXTRA_TIME, case=f"{kind} free") for kind in FREE),
)
