"""What `samo repro` does: the cells side by side, then the rest of the pipeline in order."""

import sys
from collections.abc import Callable
from pathlib import Path

from samo.study import grid
from samo.study.display import Display, display
from samo.study.grid.job import Weight

PHASES: tuple[tuple[tuple[str, ...], bool], ...] = ((("fetch",), False), (("prepare", "train"), True), ((), False))
"""Which kinds of stages run one after the other, and whether several of a kind run at a time.

Raw files are fetched in the project itself, which sees those that are there already. An analysis measures time, so it
runs alone, after the cells.
"""


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
            failed: set[str] = set()
            for kinds, width in PHASES:
                names = [name for name in work.needs if not kinds or name.split("@")[0] in kinds]
                outcome = grid.run_plan(root, work.only(names), workers if width else 0, weight, show)
                if width:
                    grid.adopt(root, outcome.made)
                failed |= {failure.stage for failure in outcome.failures}
                rest = work.without(failed).after(outcome.made)
                for name in sorted(work.stale - rest.stale - outcome.made.keys() - failed):
                    show.dropped(name, "it needs a stage that failed")
                work = rest
    return 1 if failed else 0
