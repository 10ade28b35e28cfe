"""Makes what is missing from the plan, several trainings at a time, and writes each row once it is complete."""

import hashlib
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch

from samo import datasets
from samo.analysis.curvature import Measure, curvature, sets
from samo.results.tables import markdown
from samo.study import config, paths, store
from samo.study.config import Params
from samo.study.data.fetch import fetch
from samo.study.ladder import rows, summary
from samo.study.ladder.assemble import shipped
from samo.study.ladder.code import identity
from samo.study.ladder.plan import FOLDER, Training, read, trainings
from samo.study.processes import descendants, end
from samo.study.report.reference import AGREEMENT, write_tables
from samo.study.runs.checkpoint import Checkpoints
from samo.study.runs.condition import described
from samo.study.runs.formats import csv_text
from samo.study.runs.trainings import Trainings, Watch
from samo.training.evaluation import reported
from samo.training.loop import DivergedError
from samo.training.problem import Problem
from samo.training.search import Trial, taken_from

PROFILE = Path("profiles/study.yaml")
CURVATURE = Measure(examples=256, batch=256, draws=1, eigenvalues=1, task_eigenvalues=0, probes=0, steps=0)
HERE = torch.device("cpu")
REPEATS = 2
"""How many trainings a processor without rows repeats first, to show how its results differ from the others'."""


class Job(NamedTuple):
    """A search, whose seed is 0, or a final training with what it takes from one."""

    one: Training
    table: str
    chosen: Mapping[str, Any] | None = None


class Work:
    """What has been made, and what comes next."""

    def __init__(self, root: Path) -> None:
        self.root, self.params = root, config.load(root / PROFILE)
        plan = read(root, self.params)
        self.planned = list(trainings(plan, self.params))
        names = dict.fromkeys(one.dataset for _, one in self.planned)
        self.code = {name: identity(root / "src/samo", name) for name in names}
        found, good = rows.read(root), {name: plan.as_good_as(code) for name, code in self.code.items()}
        kept = [row for row in found if row["code"] in good.get(row["dataset"], {row["code"]})]
        self.others = len(found) - len(kept)
        self.searches = {_training(row): row["chosen"] for row in kept if row["table"] == "search"}
        self.trainings = {_training(row): row["chosen"] for row in kept if row["table"] == "training"}
        self.described = {row["dataset"] for row in kept if row["table"] == "dataset"}
        self.begun: set[Training] = set()
        known = {row["processor"] for row in kept if "processor" in row}
        again = sorted(self.trainings, key=lambda one: one.updates) if rows.processor() not in known else []
        self.waiting = [Job(one, "repeat", self.trainings[one]) for one in again[:REPEATS]]
        self.waiting += [Job(one, "training") for _, one in self.planned if one not in self.trainings]

    def next(self) -> Job | None:
        """The first job that can run now; None while all the others wait for a running search."""
        for job in self.waiting:
            given, ranges = config.plan(self.params, job.one.dataset, job.one.method)[:2]
            search = self._search_of(job.one) if job.chosen is None and (ranges or "lr" not in given) else None
            if search is None or search in self.searches:
                self.waiting.remove(job)
                found = self.searches[search] if search else {}
                taken = {name: value for name, value in found.items() if name == "lr" or name in ranges}
                return job if job.chosen is not None else job._replace(chosen=taken | given)
            if search not in self.begun:
                self.begun.add(search)
                return Job(search, "search")
        return None

    def _search_of(self, one: Training) -> Training:
        """The search whose choice a training takes; an arm takes its donor's."""
        arms = self.params.arms
        method = arms.donor if one.method in arms.methods else one.method
        budget = taken_from(self.params.datasets[one.dataset].search.updates, one.updates)
        return Training(one.dataset, method, budget, 0)

    def done(self, row: dict[str, Any]) -> None:
        """Write a row, and take account of it."""
        rows.append(self.root, row)
        if row["table"] == "search":
            self.searches[_training(row)] = row["chosen"]


def make(work: Work, pool: Executor, *, workers: int, hours: float, tell: Callable[[str], None] = print) -> int:
    """Run what is missing in a pool, `workers` trainings at a time; returns how many rows were written.

    It ends when all is done, when a person stops it, or after some hours, when no training begins any more. The
    project's folder gets the data that are missing; `tell` takes a line for every row.
    """
    root, until, written = work.root, time.monotonic() + 3600 * hours, 0
    if work.others:
        tell(f"{work.others} rows are of other code: they are not counted, and run again")
    store.write_text(root / FOLDER / "params.yaml", (root / PROFILE).read_text())
    # Data are made here, before any training begins, by this process alone.
    folders = {name: prepared(work, name, tell) for name in work.code}
    for name in sorted(folders.keys() - work.described):
        problem = _opened(root, folders[name], name)[1]
        head = {"table": "dataset", "dataset": name, "code": work.code[name]}
        work.done(head | {"tasks": list(problem.tasks), "metrics": described(problem)})
    running: dict[Future[dict[str, Any]], Job] = {}
    while True:
        while len(running) < workers and time.monotonic() < until and (job := work.next()):
            running[pool.submit(_run, root, folders[job.one.dataset], job, work.code[job.one.dataset])] = job
        if not running:
            return written
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            job, row = running.pop(future), future.result()
            work.done(row)
            written += 1
            tell(f"{row['table']}: {job.one.name}; {len(work.waiting) + len(running)} to go")


def prepared(work: Work, dataset: str, tell: Callable[[str], None]) -> Path:
    """The folder of a dataset's arrays, made where it is missing by this code with the profile's settings.

    It is kept beside the active profile's data. A FetchError says that its raw files could not be had.
    """
    root, module, data = work.root, datasets.get(dataset), work.params.datasets[dataset].data
    key = hashlib.sha256(f"{work.code[dataset]} {data.model_dump_json()}".encode()).hexdigest()[:16]
    folder = root / ".samo" / "reference" / f"{dataset}-{key}"
    if not folder.exists():
        raw = root / "data/raw" / dataset
        tell(f"{dataset}: raw files into {raw.relative_to(root)}")
        fetch(module.RAW, raw, paths.given_data(dataset), tell)
        with store.whole_folder(folder) as out:
            store.write_json(out / "datasheet.json", module.prepare(raw, out, data))
    return folder


def command(root: Path, *, workers: int, hours: float, tables: bool) -> None:
    """Say what is planned and what exists, then run what is missing; or only write the tables of what exists."""
    work = Work(root)
    count = Counter(block.name for block, _ in work.planned)
    there = Counter(block.name for block, one in work.planned if one in work.trainings)
    for name in count:
        print(f"{name:<40} {there[name]:>4} of {count[name]} trainings")
    if not tables:
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start, (root,)) as pool:
            try:
                make(work, pool, workers=workers, hours=hours)
            except KeyboardInterrupt:
                end(descendants())  # a training goes on from its checkpoint
                raise
    write(root)


def write(root: Path) -> None:
    """Write the tables that follow from the existing rows."""
    run = shipped(root)
    write_tables(run)
    store.write_text(root / FOLDER / AGREEMENT, csv_text(summary.agreement(run)))
    for dataset in run.runs:
        found = summary.table(run, dataset)
        store.write_text(root / FOLDER / f"summary-{dataset}.csv", csv_text(found))
        store.write_text(root / FOLDER / f"summary-{dataset}.md", markdown(found))


def _start(root: Path) -> None:
    """Begin a process of the pool."""
    os.chdir(root)
    torch.set_num_threads(1)
    torch.set_deterministic_debug_mode("warn")


@cache
def _opened(root: Path, data: Path, dataset: str) -> tuple[Params, Problem]:
    params = config.load(root / PROFILE)
    return params, datasets.get(dataset).problem(data, params.datasets[dataset].training)


def _run(root: Path, data: Path, job: Job, code: str) -> dict[str, Any]:
    one = job.one
    params, problem = _opened(root, data, one.dataset)
    block, method = params.datasets[one.dataset], params.methods_on(one.dataset)[one.method]
    made_from = {"code": code, "chosen": repr(job.chosen), "block": block.model_dump_json()}
    place = paths.checkpoints(root) / "reference" / f"{job.table}-{one.dataset}-{one.method}-{one.updates}-{one.seed}"
    kept = Checkpoints(place, made_from | {"method": method.model_dump_json()}, HERE)
    trainings = Trainings(problem, block.training, method, Watch(one.name, 0, one.updates), kept, HERE)
    head = {"table": job.table, "dataset": one.dataset, "method": one.method, "updates": one.updates, "code": code}
    if job.table == "search":
        plan = config.plan(params, one.dataset, one.method)._replace(budgets=[one.updates], trials=[])
        found = trainings.search(plan, block.search)[one.updates].stored()
    else:
        head |= {"seed": one.seed, "processor": rows.processor(), "chosen": dict(job.chosen or {})}
        found = _trained(trainings, job)
    kept.clear()
    return head | found


def _trained(trainings: Trainings, job: Job) -> dict[str, Any]:
    """Test values, the curves that are kept, and the largest eigenvalue at the end."""
    problem, training = trainings.problem, trainings.training
    chosen = Trial(**dict(job.chosen or {}))
    try:
        run = trainings.fit("final", chosen, job.one.updates, job.one.seed, ("val", "test"))
    except DivergedError:
        return {"values": {}, "history": []}
    found: dict[str, Any] = {"values": reported(problem, run.history, training), "history": list(run.history)}
    if trainings.method.networks != "separate":
        run.network.eval()
        drawn = sets(problem, training.batch, CURVATURE, HERE)
        at_end = curvature(problem, run.network, drawn, CURVATURE, close=False)
        found["curvature"] = {one.measure: one.value for one in at_end if one.measure == "lambda_max"}
    return found


def _training(row: rows.Row) -> Training:
    return Training(row["dataset"], row["method"], row["updates"], row.get("seed", 0))
