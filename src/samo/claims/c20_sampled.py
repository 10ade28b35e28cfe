"""20. The local part on "those crucial layers" alone keeps "better generalization performance and reduced
computational cost".

Test: Delta-m of SAMO minus that of SAMO on sampled layers, on the same aggregator, above minus the margin
(`contrast.MARGIN`): not worse; and how many times as long a step of SAMO takes, above 1. True: both. False: worse by
more than the margin, or dearer.
"""

from collections.abc import Sequence

from samo.claims.cells import Kind
from samo.claims.contrast import AS_WELL, SAMO, compare, times
from samo.claims.evidence import Evidence
from samo.claims.rule import Comparison, Region

CLAIM = "Sampling those layers keeps SAMO's gain for less"
SOURCE = "Subramani, proposed algorithm and conclusion"


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    kind = _sampled(evidence)
    return [
        *compare(evidence, SAMO, kind, region=AS_WELL, case="as good"),
        *times(evidence, SAMO, kind, region=Region(low=1.0), case="cheaper"),
    ]


def _sampled(evidence: Evidence) -> Kind:
    """The variant whose layers were chosen by their cosines (a file's, "@…") where it was run, else the preset."""
    kinds = (cell.kind for known in evidence.cells.values() for cell in known if cell.kind.sharpness == "samo-sampled")
    chosen = (kind for kind in kinds if str(kind.changed.get("layers", "")).startswith("@"))
    return next(chosen, Kind("samo-sampled"))
