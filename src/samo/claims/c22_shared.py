"""22. One shared probe does as well as K, at a cost flat in K.

With one direction for all tasks the estimates differ in their sign alone: two perturbed points serve all tasks.
Tested: Delta-m of SAMO minus that of SAMO with a shared direction, on the same aggregator; and a step of the latter on
LS, in LS steps, on each dataset with at least twice the tasks of the one with fewest, divided by its cost there.
Supported: not worse by half a point (`contrast.MARGIN`), and below 1.25 times. Contradicted: worse by more than that,
or slower with more tasks. Not testable where SAMO shows no gain over its base.
"""

from collections.abc import Iterator

from samo.claims.contrast import AS_WELL, SAMO, Comparison, Region, compare, each, quotient, step, with_gain
from samo.claims.evidence import Evidence, Kind, find

SOURCE = "ours, from SAMO's formulas"
SHARED = Kind("samo-shared")
FLAT, CASE = Region(high=1.25), "cost flat in K"


def _flat(evidence: Evidence) -> Iterator[Comparison]:
    named = {dataset: find(evidence.methods[dataset], SHARED, "ls") for dataset in evidence.datasets}
    steps = {dataset: own for dataset, name in named.items() if name and (own := step(evidence, dataset, name))}
    few = min(steps, key=lambda dataset: evidence.tasks[dataset], default="")
    more = [dataset for dataset in steps if evidence.tasks[dataset] >= 2 * evidence.tasks[few]]
    for many in more:
        effect, note = quotient(steps[many], steps[few])
        note = f"{evidence.tasks[many]} tasks for {evidence.tasks[few]} ({few}); {note}"
        yield Comparison(many, effect, FLAT, "times", "ls", CASE, f"{many}-cost", note=note)
    if not more:
        lack = "cost of samo-shared on ls on two datasets, one with at least twice the tasks"
        yield Comparison("all together", case=CASE, missing=lack)


comparisons = each(with_gain(compare(SAMO, SHARED, region=AS_WELL, case="as good")), _flat)
