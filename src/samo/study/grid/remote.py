"""A DVC remote as the place where machines without a common disk leave inputs and results for each other."""

from pathlib import Path
from typing import Any

from samo.study.errors import PipelineError
from samo.study.grid.plan import Plan, calm_dvc, opened


class Exchange:
    """One remote, stage by stage: `dvc pull`, `dvc push` and their `--run-cache` for what one stage needs.

    DVC's own commands go through the whole pipeline and the whole run-cache at every call.

    Args:
        repo: DVC's view of the project or clone.
        remote: the remote's name in its config.
    """

    def __init__(self, repo: Any, remote: str) -> None:
        self._repo = repo
        self._remote = remote

    def pull(self, stage: Any) -> None:
        """Bring the outputs that the stage's lock entry names into the cache.

        Raises:
            DvcException: if the remote does not hold them.
        """
        for objects in stage.get_used_objs(remote=self._remote).values():
            self._repo.cloud.pull(objects, remote=self._remote)

    def recall(self, stage: Any) -> None:
        """Bring what the run-cache knows of this stage with the inputs that lie here; they must be checked out."""
        stage.save_deps()
        self._copy(stage, down=True)

    def push(self, stage: Any) -> None:
        """Leave a stage's outputs there, then its entry of the run-cache: who finds the entry finds the outputs.

        Raises:
            DvcException: if the remote does not take them.
        """
        from dvc.exceptions import UploadError

        for objects in stage.get_used_objs(push=True).values():
            if failed := self._repo.cloud.push(objects, remote=self._remote).failed:
                raise UploadError(len(failed))
        self._copy(stage, down=False)

    def _copy(self, stage: Any, down: bool) -> None:
        from dvc.fs import generic
        from dvc.stage.cache import _can_hash, _get_stage_hash

        if not _can_hash(stage):  # DVC keeps no run-cache of such a stage, of `fetch` for one
            return
        key = _get_stage_hash(stage)
        here = self._repo.cache.legacy
        there = self._repo.cloud.get_remote_odb(self._remote, hash_name="md5-dos2unix")
        source, target = (there, here) if down else (here, there)
        folder = source.fs.join(source.path, "runs", key[:2], key)
        for file in source.fs.find(folder) if source.fs.exists(folder) else ():
            goal = target.fs.join(target.path, "runs", key[:2], key, source.fs.name(file))
            if not target.fs.exists(goal):
                generic.copy(source.fs, file, target.fs, goal)


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


def results(root: Path) -> list[Path]:
    """What stages write, among it what git holds."""
    with opened(root) as (repo, _):
        return [Path(out.fs_path) for out in repo.index.outs]


def send_inputs(root: Path, work: Plan, remote: str) -> None:
    """Leave in the remote what the stale stages of a plan read of those that are up to date.

    Raises:
        PipelineError: if DVC cannot.
    """
    from dvc.stage.loader import StageLoader

    needed = {need for name in work.stale for need in work.needs[name] if need in work.locks}
    with opened(root) as (repo, stages):
        exchange = Exchange(repo, remote)
        for name in needed:
            StageLoader.fill_from_lock(stages[name], work.locks[name])
            exchange.push(stages[name])
