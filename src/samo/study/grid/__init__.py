"""The pipeline's stages side by side, which DVC itself runs one at a time.

Each worker has a clone of the project over one shared DVC cache.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from samo.study.grid import remote
from samo.study.grid.adopt import adopt as adopt
from samo.study.grid.adopt import withdraw as withdraw
from samo.study.grid.cluster import Cluster as Cluster
from samo.study.grid.cluster import RayPool
from samo.study.grid.display import Display
from samo.study.grid.job import Pool, Weight
from samo.study.grid.local import LocalPool
from samo.study.grid.plan import PipelineError as PipelineError
from samo.study.grid.plan import Plan as Plan
from samo.study.grid.plan import plan as plan
from samo.study.grid.schedule import Failure as Failure
from samo.study.grid.schedule import Outcome as Outcome
from samo.study.grid.schedule import schedule
from samo.study.grid.stopping import stopping as stopping


def run(root: Path, stages: Sequence[str], workers: int, weight: Weight, display: Display) -> list[Failure]:
    """Bring stages and what they need up to date, several at a time, each in its worker's clone.

    At the end the project has their outputs, and its dvc.lock tells of them. Those of a grid that was stopped lie in
    DVC's cache, where the next one, or `dvc repro`, finds them.

    Args:
        root: the project's folder, the top of a git work tree. What is not committed counts too.
        stages: names of stages in dvc.yaml.
        workers: how many run at once.
        weight: how much work a stage is.
        display: shows it.

    Returns:
        The stages that failed, and those not run because of them.

    Raises:
        PipelineError: if the pipeline cannot be read, or another run is at work in this project.
        KeyboardInterrupt: on Ctrl-C or SIGTERM, after all processes and clones are gone.
    """
    root = root.resolve()
    with only_one(root):
        work = plan(root, stages)
        if not work.stale:
            return []
        with display:
            display.begin({name: weight(name) for name in work.needs if name in work.stale})
            outcome = run_plan(root, work, workers, weight, display)
            adopt(root, outcome.made)
            return outcome.failures


def run_plan(
    root: Path, work: Plan, workers: int, weight: Weight, display: Display, cluster: Cluster | None = None
) -> Outcome:
    """Run what is stale in a plan; 0 workers: in the project itself, one after the other.

    On a cluster the workers are its own, and what they read goes to its remote first.
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
    """See that a cluster could run what lies here, before anything is done.

    Raises:
        PipelineError: if something is not committed, or there is no such remote.
    """
    remote.settings(root, cluster.remote)
    remote.check_committed(root)


@contextlib.contextmanager
def only_one(root: Path) -> Iterator[None]:
    """Hold this project's lock; the system frees it when the process ends, however it ends."""
    (root / ".samo").mkdir(exist_ok=True)
    with (root / ".samo" / "grid.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise PipelineError(f"the study runs here already, as process {file.read().strip()}") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
