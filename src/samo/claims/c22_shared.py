"""22. One shared probe does as well as K, at a cost flat in K.

With one direction for all tasks the estimates differ in their sign alone: two perturbed points serve all tasks.
Tested: Delta-m of SAMO minus that of SAMO with a shared direction, on the same aggregator; and a step of the latter on
LS, in LS steps, on each dataset with at least twice the tasks of the one with fewest, divided by its cost there.
Supported: not worse by half a point (`contrast.MARGIN`), and below 1.25 times. Contradicted: worse by more than that,
or slower with more tasks. Not testable where SAMO shows no gain over its base.
"""

from samo.claims.comparison import Comparison, Region
from samo.claims.contrast import AS_WELL, SAMO, compare, each, quotient, with_gain
from samo.claims.evidence import Evidence, Kind, find
from samo.claims.measures import step_time

SOURCE = "ours, from SAMO's formulas"
SHARED = Kind("samo-shared")
FLAT, CASE = Region(high=1.25), "cost flat in K"


def _flat(evidence: Evidence) -> list[Comparison]:
    steps = {
        dataset: step
        for dataset in evidence.datasets
        if (method := find(evidence.methods[dataset], SHARED, "ls")) and (step := step_time(evidence, dataset, method))
    }
    few, found = min(steps, key=lambda dataset: evidence.tasks[dataset], default=""), []
    for many, step in steps.items():
        if evidence.tasks[many] >= 2 * evidence.tasks[few]:
            effect, note = quotient(step, steps[few])
            note = f"{evidence.tasks[many]} tasks for {evidence.tasks[few]} ({few}); {note}"
            found.append(Comparison(many, effect, FLAT, "times", "ls", CASE, f"{many}-cost", note=note))
    lack = "cost of samo-shared on ls on two datasets, one with at least twice the tasks"
    return found or [Comparison("all together", None, case=CASE, missing=lack)]


comparisons = each(with_gain(compare(SAMO, SHARED, region=AS_WELL, case="as good")), _flat)
