"""What must run: the stages of DVC's graph that are not up to date, and what follows from them."""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from samo.study import locks
from samo.study.errors import PipelineError

LockEntry = dict[str, Any]
"""A stage's entry in dvc.lock: what it was made from and the hashes of what it made."""
Locks = Mapping[str, LockEntry | None]
"""Stages with their entries, which locate their outputs in the cache; a .dvc file has none, it says so itself."""


@dataclass(frozen=True)
class Plan:
    """The part of the pipeline that was asked for."""

    needs: Mapping[str, tuple[str, ...]]  # each stage with those whose outputs it reads, in an order that can run
    locks: Locks  # of what is up to date

    @property
    def stale(self) -> list[str]:
        """What is not up to date, or follows from what is not, in an order that can run."""
        return [name for name in self.needs if name not in self.locks]

    def only(self, stages: Collection[str]) -> "Plan":
        """The plan for some stages and what they need."""
        wanted = set(stages)
        for name in reversed(list(self.needs)):
            if name in wanted:
                wanted.update(self.needs[name])
        return replace(self, needs={name: needs for name, needs in self.needs.items() if name in wanted})

    def without(self, failed: Collection[str], spares: Callable[[str, str], bool]) -> "Plan":
        """The plan less some stages and what cannot do without them.

        `spares(stage, need)` says whether the stage can run without that need. A stage is lost, too, if all the needs
        that it can spare are lost.
        """
        lost = set(failed)
        kept = {}
        for name, needs in self.needs.items():
            spared = {need for need in needs if spares(name, need)}
            if name in lost or not lost.isdisjoint(set(needs) - spared) or (spared and spared <= lost):
                lost.add(name)
            else:
                kept[name] = tuple(need for need in needs if need not in lost)
        return replace(self, needs=kept)

    def after(self, made: Locks) -> "Plan":
        """The plan once some stages are up to date."""
        return replace(self, locks={**self.locks, **made})


def plan(root: Path, stages: Collection[str] | None = None) -> Plan:
    """Read the pipeline of `root` and what is up to date in it: some stages with what they need, or all.

    Raises PipelineError if DVC cannot read the pipeline, is at work in `root`, or knows no such stage.
    """
    import networkx as nx

    parse_params_once()
    with opened(root) as (repo, by_name):
        graph = repo.index.graph  # from a stage to what it needs
        names = {stage: name for name, stage in by_name.items()}
        needs = {
            names[stage]: tuple(sorted(names[need] for need in graph.successors(stage)))
            for stage in nx.dfs_postorder_nodes(graph)
        }
        if unknown := sorted(set(stages or ()) - needs.keys()):
            raise PipelineError(f"no such stage in dvc.yaml: {', '.join(unknown)}")
        found = Plan(needs, {}) if stages is None else Plan(needs, {}).only(stages)
        entries: dict[str, LockEntry | None] = {}
        for name, own in found.needs.items():
            if entries.keys() >= set(own) and not by_name[name].status(check_updates=True):
                entries[name] = lock_entry(by_name[name])
        return found.after(entries)


@contextmanager
def calm_dvc() -> Iterator[None]:
    """Keep DVC's messages and bars off the screen, and tell in one line what it raises."""
    from dvc.exceptions import DvcException
    from dvc.lock import LockError
    from dvc.logger import set_loggers_level

    try:
        with set_loggers_level(logging.CRITICAL):  # at ERROR it would still draw bars, into ours
            yield
    except LockError as error:
        raise PipelineError("another dvc is at work in this folder: wait for it, or end it") from error
    except DvcException as error:
        raise PipelineError(" ".join(str(error).split())) from error


@contextmanager
def opened(root: Path) -> Iterator[tuple[Any, dict[str, Any]]]:
    """DVC's view of a project under its lock, and the stages by their names; its faults are PipelineErrors."""
    from dvc.repo import Repo, lock_repo

    def name(stage: Any) -> str:
        """A stage's name, or the path of a .dvc file (DVC's own address depends on the current folder)."""
        return getattr(stage, "name", None) or Path(stage.path).relative_to(root).as_posix()

    with calm_dvc():
        locks.repair(root)
        with lock_repo(repo := Repo(str(root))), repo.scm_context(quiet=True):
            yield repo, {name(stage): stage for stage in repo.index.stages}


def lock_entry(stage: Any) -> LockEntry | None:
    """A stage's entry, as DVC knows it after reading or making its outputs."""
    from dvc.stage import PipelineStage
    from dvc.stage.serialize import to_single_stage_lockfile

    return dict(to_single_stage_lockfile(stage)) if isinstance(stage, PipelineStage) else None


@cache
def parse_params_once() -> None:
    """Let DVC in this process cache a params file by its time and size, since it rereads it for every stage."""
    from dvc.dependency import param

    parse = param.load_path
    parsed = cache(lambda path, fs, _time, _size: parse(path, fs))

    def load(path: str, fs: Any, **options: Any) -> Any:
        if options or fs.protocol != "local" or not Path(path).is_file():
            return parse(path, fs, **options)
        info = Path(path).stat()
        return deepcopy(parsed(path, fs, info.st_mtime_ns, info.st_size))  # every stage gets its own copy

    param.load_path = load
