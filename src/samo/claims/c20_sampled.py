"""20. Sampling the crucial layers keeps SAMO's gain for less.

Tested: Delta-m of SAMO minus that of SAMO on sampled layers, on the same aggregator, and how many times as long a step
of SAMO takes. Supported: not worse by half a point (`contrast.MARGIN`), and above 1 times. Contradicted: worse by more
than that, or slower. Not testable where SAMO shows no gain over its base that could be kept, and on networks of fewer
than ten layers (claim 19).
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from samo.claims.c19_layers import too_few
from samo.claims.contrast import AS_WELL, SAMO, Comparison, Region, Test, compare, each, each_dataset, times, with_gain
from samo.claims.evidence import Evidence, Kind

QUOTE = "better generalization performance and reduced computational cost"
SOURCE = "Subramani, proposed algorithm and conclusion"


def _sampled(over: Callable[..., Test], region: Region, case: str) -> Test:
    """With the dataset's own layers, named after a look at their cosines, where that was run; or with the preset.

    "first", "middle" and the like are no such choice, but what it is compared with.
    """

    def test(evidence: Evidence, dataset: str) -> Iterator[Comparison]:
        kinds = [Kind.of(method) for method in evidence.methods[dataset] if method.sharpness == "samo-sampled"]
        own = (kind for kind in kinds if not isinstance(kind.changed.get("layers", ""), str))
        kind, few = next(own, Kind("samo-sampled")), too_few(evidence, dataset)
        for c in over(SAMO, kind, region=region, case=case, datasets=[dataset])(evidence):
            yield replace(c, effect=None, untestable=few) if few and c.base else c

    return each_dataset(test)


comparisons = each(with_gain(_sampled(compare, AS_WELL, "as good")), _sampled(times, Region(low=1.0), "cheaper"))
