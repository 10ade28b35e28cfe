"""22. Ours: one shared probe direction does as well as K, at a cost that does not grow with K.

With one direction for all tasks the estimates differ in their sign alone: two perturbed points serve all tasks.
Tests: Delta-m of SAMO minus that of SAMO with a shared direction, on the same aggregator, above minus the margin
(`contrast.MARGIN`); and a step of the latter on LS, in LS steps, on each dataset with at least twice the tasks of the
one with fewest: less than 1.25 times what it is there. True: all. False: worse by more than the margin, or dearer
with more tasks.
"""

from collections.abc import Sequence

from samo.claims.cells import Kind, find
from samo.claims.contrast import AS_WELL, SAMO, compare, quotient
from samo.claims.evidence import Evidence
from samo.claims.measures import step_time
from samo.claims.rule import Comparison, Region

CLAIM = "One shared probe does as well as K, at a cost flat in K"
SOURCE = "ours, from SAMO's formulas"
SHARED = Kind("samo-shared")


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    return [*compare(evidence, SAMO, SHARED, region=AS_WELL, case="as good"), *_flat(evidence)]


def _flat(evidence: Evidence) -> list[Comparison]:
    steps = {
        dataset: step
        for dataset in evidence.datasets
        if (method := find(evidence.cells[dataset], SHARED, "ls")) and (step := step_time(evidence, dataset, method))
    }
    few = min(steps, key=lambda dataset: evidence.tasks[dataset], default="")
    found = []
    for many, step in steps.items():
        if evidence.tasks[many] >= 2 * evidence.tasks[few]:
            effect, note = quotient(step, steps[few])
            case = f"cost with {evidence.tasks[many]} tasks for {evidence.tasks[few]} ({few})"
            found.append(Comparison(many, effect, Region(high=1.25), "times", "ls", case, f"{many}-cost", note=note))
    lack = "cost of samo-shared on ls on two datasets, one with at least twice the tasks"
    return found or [Comparison("all together", None, case="cost flat in K", missing=lack)]
