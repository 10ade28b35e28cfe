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
    found: list[Comparison] = []
    for dataset in evidence.datasets:
        kind, here = _sampled(evidence, dataset), [dataset]
        found += compare(evidence, SAMO, kind, region=AS_WELL, case="as good", datasets=here)
        found += times(evidence, SAMO, kind, region=Region(low=1.0), case="cheaper", datasets=here)
    return found


def _sampled(evidence: Evidence, dataset: str) -> Kind:
    """The variant with the dataset's own layers, named after a look at their cosines, where it was run; or the preset.

    "first", "middle" and the like are no such choice, but what it is compared with.
    """
    kinds = [cell.kind for cell in evidence.cells.get(dataset, ()) if cell.kind.sharpness == "samo-sampled"]
    chosen = (kind for kind in kinds if not isinstance(kind.changed.get("layers", ""), str))
    return next(chosen, Kind("samo-sampled"))
