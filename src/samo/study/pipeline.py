"""What `samo repro` does: the cells side by side, then the rest of the pipeline in order."""

import sys
from collections.abc import Callable
from pathlib import Path

from samo.study import grid
from samo.study.display import Display, display
from samo.study.grid.job import Weight

SIDE_BY_SIDE = ("prepare", "train")
"""The stages that run several at a time. An analysis measures time, so it runs alone; raw files are fetched in the
project itself, where those that are there already are seen."""


def repro(
    root: Path,
    workers: int,
    weight: Weight,
    quiet: bool = False,
    before: Callable[[], None] = lambda: None,
) -> int:
    """Bring the whole pipeline up to date.

    Args:
        root: the project's folder.
        workers: how many cells run at once.
        weight: how much work a stage is, from its name in dvc.yaml.
        quiet: say nothing but what went wrong.
        before: called once if there is something to run, before it runs.

    Returns:
        The exit status: 0, 1 if a stage failed or the pipeline cannot be read, 130 if a person stopped it.
    """
    show = display(quiet)
    try:
        return _repro(root.resolve(), workers, weight, show, before)
    except grid.PipelineError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; what is done is kept, and the same command goes on from there", file=sys.stderr)
        return 130


def _repro(root: Path, workers: int, weight: Weight, show: Display, before: Callable[[], None]) -> int:
    with grid.only_one(root):
        work = grid.plan(root)
        if not work.stale:
            show.say("everything is up to date")
            return 0
        before()
        with show:
            show.begin({name: weight(name) for name in work.needs if name in work.stale})
            raw = [name for name in work.stale if name.split("@")[0] == "fetch"]
            failures = grid.run_plan(root, work.only(raw), 0, weight, show) if raw else []
            if failures:
                return 1
            work = grid.plan(root) if raw else work
            cells = [name for name in work.needs if name.split("@")[0] in SIDE_BY_SIDE]
            outcome = grid.run_plan(root, work.only(cells), workers, weight, show)
            grid.adopt(root, outcome.made)
            failed = {failure.stage for failure in outcome.failures}
            rest = work.without(failed).after(outcome.made)
            lost = work.stale - rest.stale - outcome.made.keys() - failed
            for name in sorted(lost):
                show.dropped(name, "it needs a cell that failed")
            last = grid.run_plan(root, rest, 0, weight, show)
    return 1 if failed or last.failures else 0
