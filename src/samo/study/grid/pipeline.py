"""What `samo repro` and `samo grid` do: the conditions side by side, then the rest of the pipeline in order."""

import contextlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from samo.study import git, locks, warm
from samo.study.errors import PipelineError
from samo.study.grid import exchange
from samo.study.grid.cluster import Cluster, RayPool
from samo.study.grid.display import Display
from samo.study.grid.local import LocalPool
from samo.study.grid.plan import Plan, opened, plan
from samo.study.grid.schedule import schedule
from samo.study.processes import stopping

RAW = ("fetch",)  # kinds of stages: those that bring raw files
CONDITIONS = ("prepare", "train", "train-more", "train-sensitivity", "train-arms", "toys")
ANALYSES = ("analyse",)  # those that read what conditions have written
REST: tuple[str, ...] = ()  # all others
PHASES = (RAW, CONDITIONS, ANALYSES, REST)  # one begins when the one before it is over
BESIDE = (CONDITIONS, ANALYSES)  # phases whose stages run side by side, in clones
TIMED = "-cost"  # the analysis that measures time runs alone
STOPPED = 130  # the exit status when the user stopped it, as in shells

Weight = Callable[[str], float]
Took = Callable[[Mapping[str, float]], None]


def repro(
    root: Path,
    workers: int,
    weight: Weight,
    quiet: bool = False,
    before: Callable[[], None] = lambda: None,
    rest: bool = True,
    cluster: Cluster | None = None,
    took: Took = lambda _: None,
) -> int:
    """Bring the pipeline of a project's folder up to date, `workers` conditions at once.

    Args:
        weight: the seconds that a stage is expected to take.
        quiet: say nothing but what went wrong.
        before: called once if there is something to run, before it runs.
        rest: whether to run also the stages that run alone, after all conditions and analyses.
        cluster: where conditions and analyses run, if not here.
        took: gets, at the end, the seconds of each stage whose command ran.

    Returns the exit status: 0, 1 if a stage failed, 130 if the user stopped it. Raises PipelineError if the pipeline
    cannot be read, or is in use.
    """
    root = root.resolve()
    try:
        with locks.only_one(root):
            if cluster:
                check_cluster(root, cluster)
            work = plan(root)
            if not rest:
                work = work.only([name for name in work.needs if _phase(name) != REST])
            if work.stale:
                before()
                return 1 if _run(root, work, workers, weight, quiet, cluster, took) else 0
            if not quiet:
                print("everything is up to date")
            return 0
    except KeyboardInterrupt:
        print("stopped; what is done is kept, and the same command (`make repro`) goes on from there", file=sys.stderr)
        return STOPPED


def _run(
    root: Path, work: Plan, workers: int, weight: Weight, quiet: bool, cluster: Cluster | None, took: Took
) -> set[str]:
    """Run all that is stale, phase by phase; returns the stages that failed or could not run because of others."""
    widths = {phase: workers if phase in BESIDE else 1 for phase in PHASES}
    phases = [([name for name in work.stale if _phase(name) == phase], width) for phase, width in widths.items()]
    failed: set[str] = set()
    with (
        contextlib.closing(warm.Server()) as libraries,  # loaded once, for all stages of all workers
        stopping(),
        Display({name: weight(name) for name in work.stale}, phases, quiet) as show,
        # Raw files are fetched in the project itself, which may have some already. What measures time, and what
        # follows from all stages before, also runs there, one stage at a time.
        contextlib.closing(LocalPool(root, show.progressed)) as own,
        contextlib.closing(LocalPool(root, show.progressed, workers)) as clones,
    ):
        libraries.start()
        show.callback(took, show.took)
        for phase in PHASES:
            part = work.only([name for name in work.needs if _phase(name) == phase])
            if not part.stale:
                continue
            if cluster and phase in BESIDE:
                exchange.send_inputs(root, part, cluster.remote)
                with contextlib.closing(RayPool(root, cluster, len(part.stale), show)) as nodes:
                    made = schedule(part, nodes, show)
            else:
                made = schedule(part, clones if phase in BESIDE else own, show)
            left = work.without(set(part.stale) - made.keys(), _spares).after(made)
            lost = work.needs.keys() - left.needs.keys()
            for name in sorted(lost):
                if cause := next((need for need in work.needs[name] if need in lost), None):
                    show.dropped(name, f"it needs {cause}")
            # Tables are made of all results on disk: none of other settings may stay.
            unwanted = [name for name in lost if _kind(name) in (*CONDITIONS, *ANALYSES)]
            if unwanted or phase in BESIDE:
                exchange.adopt(root, made if phase in BESIDE else {}, unwanted, cluster.remote if cluster else "")
            failed |= lost
            work = left
        if failed:
            show.warn(f"missing in tables and report: {', '.join(sorted(failed))}")
    return failed


def check_cluster(root: Path, cluster: Cluster) -> None:
    """Raise a PipelineError if a cluster could not run the code here; results kept in git may differ."""
    exchange.settings(root, cluster.remote)
    with opened(root) as (repo, _):
        results = [Path(out.fs_path) for out in repo.index.outs]
    try:
        found = git.changes(root, lambda path: any((root / path).is_relative_to(result) for result in results))
    except git.GitError as error:
        raise PipelineError(str(error)) from error
    if found:
        raise PipelineError(f"a cluster runs what is committed, and this is not: {git.some(found)}: commit first")


def _spares(stage: str, need: str) -> bool:
    """Whether a stage runs without one that it needs: tables and report leave gaps, analyses skip conditions."""
    kind, needed = _kind(stage), _kind(need)
    if kind in (*RAW, *CONDITIONS):
        return False
    return needed in (*CONDITIONS, *ANALYSES) and not (kind in ANALYSES and needed == "prepare")


def _phase(stage: str) -> tuple[str, ...]:
    """The kinds that run together with this stage."""
    alone = stage.endswith(TIMED)
    return next((kinds for kinds in PHASES if _kind(stage) in kinds and not alone), REST)


def _kind(stage: str) -> str:
    return stage.split("@")[0]
