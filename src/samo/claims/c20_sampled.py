"""20. Sampling the crucial layers keeps SAMO's gain for less.

Tested: Delta-m of SAMO minus that of SAMO on sampled layers, on the same aggregator, and how many times as long a step
of SAMO takes. Supported: not worse by half a point (`contrast.MARGIN`), and above 1 times. Contradicted: worse by more
than that, or slower. Not testable where SAMO shows no gain over its base that could be kept, and on networks of fewer
than ten layers (claim 19).
"""

from collections.abc import Iterator
from dataclasses import replace

from samo.claims.c19_layers import too_few
from samo.claims.comparison import Comparison, Region
from samo.claims.contrast import AS_WELL, SAMO, compare, times, with_gain
from samo.claims.evidence import Evidence, Kind

QUOTE = "better generalization performance and reduced computational cost"
SOURCE = "Subramani, proposed algorithm and conclusion"


def comparisons(evidence: Evidence) -> list[Comparison]:
    """See above."""
    good = [c for d in evidence.datasets for c in _tested(evidence, d, cheaper=False)]
    return [*with_gain(evidence, good), *(c for d in evidence.datasets for c in _tested(evidence, d, cheaper=True))]


def _tested(evidence: Evidence, dataset: str, *, cheaper: bool) -> Iterator[Comparison]:
    """With the dataset's own layers, named after a look at their cosines, where that was run; or with the preset.

    "first", "middle" and the like are no such choice, but what it is compared with.
    """
    kinds = [Kind.of(method) for method in evidence.methods[dataset] if method.sharpness == "samo-sampled"]
    own = (kind for kind in kinds if not isinstance(kind.changed.get("layers", ""), str))
    kind, few = next(own, Kind("samo-sampled")), too_few(evidence, dataset)
    if cheaper:
        found = times(evidence, SAMO, kind, region=Region(low=1.0), case="cheaper", datasets=[dataset])
    else:
        found = compare(evidence, SAMO, kind, region=AS_WELL, case="as good", datasets=[dataset])
    for c in found:
        yield replace(c, effect=None, untestable=few) if few and c.base else c
