"""The project's side of a cluster: what has to be committed, and in the remote, before a worker elsewhere can start."""

from pathlib import Path
from typing import Any

from samo.study.grid.plan import PipelineError, Plan, calm_dvc, stage_name
from samo.study.grid.share import Share
from samo.study.grid.snapshot import refuse_changes


def settings(root: Path, remote: str) -> dict[str, Any]:
    """Address and credentials of a DVC remote, from all levels of DVC's config.

    Raises:
        PipelineError: if there is none of that name, or it cannot hold a run-cache.
    """
    from dvc.repo import Repo

    with calm_dvc():
        known = Repo(str(root)).config["remote"]
    if remote not in known:
        names = ", ".join(known) or "none"
        raise PipelineError(f"no DVC remote {remote!r} (there are: {names}): dvc remote add {remote} ADDRESS")
    found = dict(known[remote])
    if str(found.get("url", "")).startswith("http"):
        raise PipelineError(f"the DVC remote {remote!r} is of HTTP, which cannot hold a run-cache: take another kind")
    return found


def check_committed(root: Path) -> None:
    """See that the commit holds all that cells are made from; results of stages that git holds may differ.

    Raises:
        PipelineError: if something else is not committed, or there is no commit.
    """
    from dvc.repo import Repo

    with calm_dvc():
        results = [Path(out.fs_path) for out in Repo(str(root)).index.outs]
    try:
        refuse_changes(root, lambda path: any((root / path).is_relative_to(result) for result in results))
    except RuntimeError as error:
        raise PipelineError(str(error)) from error


def send_inputs(root: Path, work: Plan, remote: str) -> None:
    """Leave in the remote what the stale stages of a plan read of those that are up to date.

    Raises:
        PipelineError: if DVC cannot.
    """
    from dvc.repo import Repo, lock_repo
    from dvc.stage.loader import StageLoader

    needed = {need for name in work.stale for need in work.needs[name] if need in work.locks}
    with calm_dvc(), lock_repo(repo := Repo(str(root))):
        share = Share(repo, remote)
        for stage in repo.index.stages:
            name = stage_name(stage, root)
            if name in needed:
                StageLoader.fill_from_lock(stage, work.locks[name])
                share.push(stage)
