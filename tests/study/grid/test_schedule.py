"""The scheduler on a pool that is made up: what starts when, and how often it looks."""

from collections.abc import Sequence
from pathlib import Path

from samo.study.grid.display import Display
from samo.study.grid.plan import Locks, Plan
from samo.study.grid.schedule import Done, schedule


class Made:
    """A pool whose jobs end at the next look, in the order in which they came, and what it was asked."""

    def __init__(self, workers: int, failing: Sequence[str] = ()) -> None:
        self.jobs: dict[str, Locks] = {}
        self.asked = 0
        self._workers, self._failing = workers, failing
        self._running: list[str] = []

    def idle(self) -> int:
        self.asked += 1
        return self._workers - len(self._running)

    def submit(self, stage: str, inputs: Locks) -> None:
        assert len(self._running) < self._workers
        assert stage not in self.jobs
        self.jobs[stage] = inputs
        self._running.append(stage)

    def poll(self, timeout: float) -> Sequence[Done]:
        stage = self._running.pop(0)
        error = "told to" if stage in self._failing else ""
        return [Done(stage, True, None if error else {"made": stage}, error, Path("log"))]

    def close(self) -> None:
        """Nothing to end."""


def dag(datasets: int, methods: int) -> Plan:
    """fetch -> prepare -> conditions -> an analysis, of each dataset, and a table of all."""
    needs: dict[str, tuple[str, ...]] = {}
    for d in range(datasets):
        conditions = [f"train@{d}-{m}" for m in range(methods)]
        needs |= {f"fetch@{d}": (), f"prepare@{d}": (f"fetch@{d}",)}
        needs |= dict.fromkeys(conditions, (f"prepare@{d}",))
        needs[f"analyse@{d}"] = tuple(conditions)
    needs["tables"] = tuple(f"analyse@{d}" for d in range(datasets))
    return Plan(needs, {})


def run(plan: Plan, pool: Made) -> Locks:
    expected = {name: float(name[-1]) if name[-1].isdigit() else 0.0 for name in plan.stale}
    return schedule(plan, pool, Display(expected, [], quiet=True))


def test_needs_come_first_their_entries_go_with_the_job_and_the_longest_start_first() -> None:
    plan, pool = dag(3, 4), Made(1)
    assert run(plan, pool).keys() == plan.needs.keys()
    began = list(pool.jobs)
    assert sorted(began) == sorted(plan.needs)
    for stage, inputs in pool.jobs.items():
        assert inputs == {need: {"made": need} for need in plan.needs[stage]}
        assert all(began.index(need) < began.index(stage) for need in plan.needs[stage])
    for d in range(3):
        assert [name for name in began if name.startswith(f"train@{d}")] == [f"train@{d}-{m}" for m in (3, 2, 1, 0)]


def test_what_is_up_to_date_is_not_waited_for() -> None:
    pool = Made(2)
    run(dag(1, 3).after({"fetch@0": {"old": 1}, "prepare@0": None}), pool)
    assert pool.jobs.keys() == {"train@0-0", "train@0-1", "train@0-2", "analyse@0", "tables"}
    assert pool.jobs["train@0-2"] == {"prepare@0": None}


def test_a_failure_takes_its_followers_and_nothing_else() -> None:
    plan, pool = dag(2, 3), Made(2, failing=["train@0-1"])
    assert plan.needs.keys() - run(plan, pool).keys() == {"train@0-1", "analyse@0", "tables"}
    assert "analyse@0" not in pool.jobs


def test_of_a_thousand_conditions_each_is_looked_at_once() -> None:
    plan, pool = dag(5, 200), Made(16)
    run(plan, pool)
    assert pool.asked <= len(plan.needs) + 1
