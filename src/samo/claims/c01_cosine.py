"""1. "SAM substantially increases the cosine similarity between task gradients (from negative to positive)."

Test: mean pairwise cosine of the task gradients on the fixed probe set, averaged over all epochs of training: G-SAM
minus the same aggregator without sharpness. True: above 0. False: below 0. The average over epochs, not the last one,
since the sentence is of training, and gradients near a minimum are mostly noise.
"""

from collections.abc import Sequence

from samo.claims.contrast import GSAM, PLAIN, compare
from samo.claims.evidence import Evidence
from samo.claims.measures import COSINE
from samo.claims.rule import Comparison

CLAIM = "SAM raises the cosine between task gradients"
SOURCE = "SAMO, observations on SAM in multi-task learning"


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    return compare(evidence, GSAM, PLAIN, COSINE, unit="cosine")
