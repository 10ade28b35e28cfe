"""What `samo repro` and `samo grid` do: the conditions side by side, then the rest of the pipeline in order."""

import contextlib
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from samo.study import git, locks
from samo.study.errors import PipelineError
from samo.study.grid import remote
from samo.study.grid.adopt import adopt, withdraw
from samo.study.grid.cluster import Cluster, RayPool
from samo.study.grid.display import Display, display
from samo.study.grid.local import LocalPool
from samo.study.grid.plan import Plan, plan
from samo.study.grid.schedule import Outcome, Pool, Weight, schedule
from samo.study.processes import stopping

RAW, CONDITIONS = ("fetch",), ("prepare", "train", "train-more", "train-sensitivity", "train-arms", "toys")
"""Kinds of stages: those that bring raw files, and those that run several at a time."""
ANALYSES, TIMED = ("analyse",), "-cost"
"""Those that read what conditions have written; the one that measures time runs alone."""
STOPPED = 130
"""The exit status where a person stopped it, as shells have it."""


def repro(
    root: Path,
    workers: int,
    weight: Weight,
    quiet: bool = False,
    before: Callable[[], None] = lambda: None,
    rest: bool = True,
    cluster: Cluster | None = None,
    took: Callable[[Mapping[str, float]], None] = lambda _: None,
) -> int:
    """Bring the pipeline up to date.

    Args:
        root: the project's folder.
        workers: how many conditions run at once.
        weight: the seconds that a stage is expected to take, from its name in dvc.yaml.
        quiet: say nothing but what went wrong.
        before: called once if there is something to run, before it runs.
        rest: whether what runs alone, after all conditions and analyses, runs too.
        cluster: where conditions and analyses run, if not here.
        took: is told at the end how many seconds each stage took whose command ran.

    Returns:
        The exit status: 0, 1 if a stage failed, 130 if a person stopped it.

    Raises:
        PipelineError: the pipeline cannot be read, or is in use.
    """
    show = display(quiet)
    try:
        return _repro(root.resolve(), workers, weight, show, before, rest, cluster)
    except KeyboardInterrupt:
        print("stopped; what is done is kept, and the same command (`make repro`) goes on from there", file=sys.stderr)
        return STOPPED
    finally:
        took(show.remaining.took)


def _repro(
    root: Path,
    workers: int,
    weight: Weight,
    show: Display,
    before: Callable[[], None],
    rest: bool,
    cluster: Cluster | None,
) -> int:
    with locks.only_one(root):
        if cluster:
            check_cluster(root, cluster)
        work = plan(root)
        if not rest:
            work = work.only([name for name in work.needs if _side_by_side(name, (*RAW, *CONDITIONS, *ANALYSES))])
        if not work.stale:
            show.say("everything is up to date")
            return 0
        before()
        # Raw files are fetched in the project itself, which sees those that are there already. What measures time
        # and what follows from all runs there too, one at a time.
        phases = [(RAW, 0), (CONDITIONS, workers), (ANALYSES, workers), (None, 0)]
        failed: set[str] = set()
        with show:
            left = [name for name in work.needs if name in work.stale]
            named = [(tuple(n for n in left if _phase(n) == kinds), max(1, width)) for kinds, width in phases]
            show.begin({name: weight(name) for name in left}, named)
            for kinds, width in phases:
                names = [name for name in work.needs if kinds is None or _side_by_side(name, kinds)]
                elsewhere = cluster if width else None
                outcome = run(root, work.only(names), width, weight, show, elsewhere)
                if width:
                    adopt(root, outcome.made, elsewhere.remote if elsewhere else "")
                new = {failure.stage for failure in outcome.failures}
                rest_of = work.without(new, _spares).after(outcome.made)
                dropped = work.stale - rest_of.stale - outcome.made.keys() - new
                for name in sorted(dropped):
                    show.dropped(name, "it needs a stage that failed")
                if new:
                    # Tables are made of what lies there: results of other settings must not.
                    withdraw(root, {name for name in new | dropped if _kind(name) in (*CONDITIONS, *ANALYSES)})
                failed |= new | dropped
                work = rest_of
            if failed:
                show.warn(f"missing in tables and report: {', '.join(sorted(failed))}")
    return 1 if failed else 0


def run(
    root: Path, work: Plan, workers: int, weight: Weight, display: Display, cluster: Cluster | None = None
) -> Outcome:
    """Run what is stale in a plan, several stages at a time, each in its worker's clone.

    Their outputs lie in DVC's cache then, or in the cluster's remote: `adopt` takes them into the project. On a
    cluster the workers are its own, and what they read goes to its remote first.

    Args:
        root: the project's folder, the top of a git work tree. What is not committed counts too.
        work: what to run.
        workers: how many stages run at once; 0: in the project itself, one after the other.
        weight, display, cluster: see `repro`.

    Raises:
        KeyboardInterrupt: on Ctrl-C or SIGTERM, after all processes and clones are gone.
    """
    if not work.stale:
        return Outcome({}, [])
    with stopping(), contextlib.closing(_pool(root, work, workers, display, cluster)) as pool:
        return schedule(work, pool, weight, display)


def _pool(root: Path, work: Plan, workers: int, display: Display, cluster: Cluster | None) -> Pool:
    if cluster is None:
        return LocalPool(root, work.cache, min(workers, len(work.stale)))
    settings = remote.settings(root, cluster.remote)
    remote.send_inputs(root, work, cluster.remote)
    return RayPool(root, cluster, settings, len(work.stale), display.say)


def check_cluster(root: Path, cluster: Cluster) -> None:
    """See that a cluster could run what lies here, before anything is done; results that git holds may differ.

    Raises:
        PipelineError: something is not committed, there is no commit, or there is no such remote.
    """
    remote.settings(root, cluster.remote)
    results = remote.results(root)
    try:
        found = git.changes(root, lambda path: any((root / path).is_relative_to(result) for result in results))
    except git.GitError as error:
        raise PipelineError(str(error)) from error
    if found:
        raise PipelineError(f"a cluster runs what is committed, and this is not: {git.some(found)}: commit first")


def _spares(stage: str, need: str) -> bool:
    """Tables and report are made with gaps, and analyses of the conditions that there are, if others failed."""
    kind, needed = _kind(stage), _kind(need)
    if kind in (*RAW, *CONDITIONS):
        return False
    return needed in (*CONDITIONS, *ANALYSES) and not (kind in ANALYSES and needed == "prepare")


def _phase(stage: str) -> tuple[str, ...] | None:
    """The kinds that run together with this stage."""
    return next((kinds for kinds in (RAW, CONDITIONS, ANALYSES) if _side_by_side(stage, kinds)), None)


def _side_by_side(stage: str, kinds: Collection[str]) -> bool:
    return _kind(stage) in kinds and not stage.endswith(TIMED)


def _kind(stage: str) -> str:
    return stage.split("@")[0]
