"""20. The local part on the crucial layers alone keeps SAMO's gain for less.

Tested: Delta-m of SAMO minus that of SAMO on sampled layers, on the same aggregator, and how many times as long a step
of SAMO takes. Supported: not worse by half a point (`contrast.MARGIN`), and above 1 times. Contradicted: worse by more
than that, or slower. Not testable where SAMO shows no gain over its base that could be kept, and on networks of fewer
than ten layers (claim 19).
"""

from collections.abc import Sequence
from dataclasses import replace

from samo.claims.c19_layers import too_few
from samo.claims.comparison import Comparison, Region
from samo.claims.contrast import AS_WELL, SAMO, compare, times, with_gain
from samo.claims.evidence import Evidence, Kind

CLAIM = "Sampling the crucial layers keeps SAMO's gain for less"
QUOTE = "better generalization performance and reduced computational cost"
SOURCE = "Subramani, proposed algorithm and conclusion"


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    good: list[Comparison] = []
    cheap: list[Comparison] = []
    for dataset in evidence.datasets:
        kind, few = _sampled(evidence, dataset), too_few(evidence, dataset)
        pair = compare(evidence, SAMO, kind, region=AS_WELL, case="as good", datasets=[dataset])
        cost = times(evidence, SAMO, kind, region=Region(low=1.0), case="cheaper", datasets=[dataset])
        good += [replace(c, effect=None, untestable=few) if c.base else c for c in pair] if few else pair
        cheap += [replace(c, effect=None, untestable=few) if c.base else c for c in cost] if few else cost
    return [*with_gain(evidence, good), *cheap]


def _sampled(evidence: Evidence, dataset: str) -> Kind:
    """The variant with the dataset's own layers, named after a look at their cosines, where it was run; or the preset.

    "first", "middle" and the like are no such choice, but what it is compared with.
    """
    kinds = [Kind.of(method) for method in evidence.methods.get(dataset, ()) if method.sharpness == "samo-sampled"]
    chosen = (kind for kind in kinds if not isinstance(kind.changed.get("layers", ""), str))
    return next(chosen, Kind("samo-sampled"))
