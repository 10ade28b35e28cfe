"""29. Sharpness lowers the test loss and the calibration error where it gains no accuracy.

Tested: G-SAM, sharpness in its plain form, against the same aggregator without: how many times as high the test loss
is without it, and the expected calibration error (geometric means over tasks), and Delta-m. Supported: both quotients
above 1, and Delta-m within half a point (`contrast.MARGIN`), by two one-sided tests. Equivalent: loss within 5 %, or
calibration within 10 %: a third of what a pilot showed on few data (8 to 20 % and more). Contradicted: one below 1, or
Delta-m further apart.
"""

from samo.claims.contrast import ALIKE, GSAM, PLAIN, Region, compare, each
from samo.claims.evidence import CALIBRATION, TEST_LOSS

SOURCE = "ours; seen in a pilot"
LOSS, ERROR = Region(low=1.0, alike=(1 / 1.05, 1.05)), Region(low=1.0, alike=(1 / 1.1, 1.1))

comparisons = each(
    compare(PLAIN, GSAM, TEST_LOSS, region=LOSS, case="test loss"),
    compare(PLAIN, GSAM, CALIBRATION, region=ERROR, case="calibration error"),
    compare(PLAIN, GSAM, region=ALIKE, case="accuracy the same"),
)
