"""What `samo repro` and `samo grid` do: the cells side by side, then the rest of the pipeline in order."""

import sys
from collections.abc import Callable, Collection
from pathlib import Path

from samo.study import grid
from samo.study.grid.display import display
from samo.study.grid.job import Weight

RAW, CELLS = ("fetch",), ("prepare", "train", "train-more", "train-sensitivity", "toys")
"""Kinds of stages: those that bring raw files, and those that run several at a time."""
ANALYSES, TIMED = ("analyse",), "-cost"
"""Those that read what cells have written; the one that measures time runs alone."""

STOPPED = 130
"""The exit status where a person stopped it, as shells have it."""


def repro(
    root: Path,
    workers: int,
    weight: Weight,
    quiet: bool = False,
    before: Callable[[], None] = lambda: None,
    rest: bool = True,
    cluster: grid.Cluster | None = None,
) -> int:
    """Bring the pipeline up to date.

    Args:
        root: the project's folder.
        workers: how many cells run at once.
        weight: how much work a stage is, from its name in dvc.yaml.
        quiet: say nothing but what went wrong.
        before: called once if there is something to run, before it runs.
        rest: whether what runs alone, after all cells and analyses, runs too.
        cluster: where cells and analyses run, if not here.

    Returns:
        The exit status: 0, 1 if a stage failed or the pipeline cannot be read, 130 if a person stopped it.
    """
    try:
        return _repro(root.resolve(), workers, weight, quiet, before, rest, cluster)
    except grid.PipelineError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; what is done is kept, and the same command (`make repro`) goes on from there", file=sys.stderr)
        return STOPPED


def _repro(
    root: Path,
    workers: int,
    weight: Weight,
    quiet: bool,
    before: Callable[[], None],
    rest: bool,
    cluster: grid.Cluster | None,
) -> int:
    show = display(quiet)
    with grid.only_one(root):
        if cluster:
            grid.check_cluster(root, cluster)
        work = grid.plan(root)
        if not rest:
            work = work.only([name for name in work.needs if _side_by_side(name, (*RAW, *CELLS, *ANALYSES))])
        if not work.stale:
            show.say("everything is up to date")
            return 0
        before()
        failed: set[str] = set()
        with show:
            show.begin({name: weight(name) for name in work.needs if name in work.stale})
            # Raw files are fetched in the project itself, which sees those that are there already. What measures time
            # and what follows from all runs there too, one at a time.
            for kinds, width in ((RAW, 0), (CELLS, workers), (ANALYSES, workers), (None, 0)):
                names = [name for name in work.needs if kinds is None or _side_by_side(name, kinds)]
                elsewhere = cluster if width else None
                outcome = grid.run_plan(root, work.only(names), width, weight, show, elsewhere)
                if width:
                    grid.adopt(root, outcome.made, elsewhere.remote if elsewhere else "")
                new = {failure.stage for failure in outcome.failures}
                left = work.without(new, _spares).after(outcome.made)
                dropped = work.stale - left.stale - outcome.made.keys() - new
                for name in sorted(dropped):
                    show.dropped(name, "it needs a stage that failed")
                if new:
                    # Tables are made of what lies there: results of other settings must not.
                    grid.withdraw(root, {name for name in new | dropped if _kind(name) in (*CELLS, *ANALYSES)})
                failed |= new | dropped
                work = left
            if failed:
                show.warn(f"missing in tables and report: {', '.join(sorted(failed))}")
    return 1 if failed else 0


def _spares(stage: str, need: str) -> bool:
    """Tables and report are made with gaps, and analyses of the cells that there are, if others failed."""
    kind, needed = _kind(stage), _kind(need)
    if kind in (*RAW, *CELLS):
        return False
    return needed in (*CELLS, *ANALYSES) and not (kind in ANALYSES and needed == "prepare")


def _side_by_side(stage: str, kinds: Collection[str]) -> bool:
    return _kind(stage) in kinds and not stage.endswith(TIMED)


def _kind(stage: str) -> str:
    return stage.split("@")[0]
