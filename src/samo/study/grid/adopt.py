"""Taking what the workers made into the project."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from samo.study.grid.job import LockEntry
from samo.study.grid.plan import calm_dvc, stage_name
from samo.study.grid.share import Share


def adopt(root: Path, made: Mapping[str, LockEntry | None], remote: str = "") -> None:
    """Check out outputs that lie in the cache or in a remote, and note them in dvc.lock, written once for all of them.

    `dvc repro` would come to the same through its run-cache, but reads and writes dvc.lock anew for each stage.

    Args:
        root: the project's folder.
        made: stages, each with its entry for dvc.lock.
        remote: the DVC remote in which workers on other machines left them; none where they are in the cache.

    Raises:
        PipelineError: if DVC cannot, or is at work in `root`.
    """
    from dvc.repo import Repo, lock_repo
    from dvc.stage.loader import StageLoader

    with calm_dvc(), lock_repo(repo := Repo(str(root))), repo.scm_context(quiet=True):
        stages = {stage_name(stage, root): stage for stage in repo.index.stages}
        noted: dict[Any, list[Any]] = defaultdict(list)
        for name, entry in made.items():
            stage = stages[name]
            StageLoader.fill_from_lock(stage, entry)
            if remote:
                Share(repo, remote).pull(stage)
            stage.checkout(force=True)
            stage.ignore_outs()
            if entry is not None:
                noted[stage.dvcfile].append(stage)
        for file, changed in noted.items():
            file.dump_stages(changed, update_pipeline=False)
