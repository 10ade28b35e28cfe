"""One worker: a process with DVC imported once and a clone of its own, which does the jobs on its stdin.

Jobs and results are JSON lines. When its stdin ends, whether the grid is done or was killed, it ends what it runs,
removes its clone and exits, so that nothing is left behind.
"""

import contextlib
import json
import logging
import os
import queue
import shutil
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from samo.study import git, processes, warm
from samo.study.grid.clone import RemoteClone, make_clone
from samo.study.grid.exchange import Exchange, note
from samo.study.grid.plan import lock_entry, parse_params_once, stage_name
from samo.study.progress import VARIABLE


class _Ran(logging.Handler):
    """Learns from DVC's log whether a command ran, which its return value does not tell."""

    ran = False

    def emit(self, record: logging.LogRecord) -> None:
        self.ran |= record.getMessage().startswith("Running stage")


class Worker:
    """Does jobs in a folder, one at a time: in a clone, or in the project itself, whose dvc.lock it updates.

    `remote` is given where the folder is a clone on another machine than the project.
    """

    def __init__(self, folder: Path, keep: bool, remote: RemoteClone | None = None) -> None:
        from dvc.repo import Repo, lock_repo

        parse_params_once()
        self._folder, self._keep, self._remote = folder, keep, remote
        self._repo = Repo(str(folder))
        self._exchange = Exchange(self._repo, remote.remote) if remote else None
        self._pulled: dict[str, Any] = {}  # which outputs of other stages are in this clone's cache
        with lock_repo(self._repo):  # read once: a pipeline of many stages takes seconds to read
            self._stages = {stage_name(stage, folder): stage for stage in self._repo.index.stages}
        self._heard = _Ran()
        logger = logging.getLogger("dvc")
        logger.setLevel(logging.INFO)
        logger.addHandler(self._heard)

    def do(self, job: dict[str, Any]) -> dict[str, Any]:
        """Bring a stage up to date; what it prints goes to the job's log."""
        from dvc.exceptions import DvcException

        os.environ[VARIABLE] = job["progress"]
        self._heard.ran = False
        error, entry = "", None
        with Path(job["log"]).open("w") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        try:
            entry = self._reproduce(job["stage"], job["inputs"])
        except (DvcException, OSError, RuntimeError) as exc:
            error = " ".join(str(exc.__cause__ or exc).split()) or type(exc).__name__
            print(error, flush=True)
        return {"stage": job["stage"], "ran": self._heard.ran, "lock": entry, "error": error}

    def _reproduce(self, name: str, inputs: dict[str, Any]) -> Any:
        from dvc.repo import lock_repo

        with lock_repo(self._repo), self._repo.scm_context(quiet=True):
            try:
                return self._make(self._stages[name], inputs)
            except Exception:
                self._stages[name].remove_outs(ignore_remove=False, force=False)  # incomplete outputs are no result
                raise

    def _make(self, stage: Any, inputs: dict[str, Any]) -> Any:
        from dvc.stage.loader import StageLoader

        for needed, entry in inputs.items():
            # Another worker's clone, or the project, made it: its outputs are in the cache already,
            StageLoader.fill_from_lock(self._stages[needed], entry)
            if self._exchange and (needed not in self._pulled or self._pulled[needed] != entry):
                self._exchange.pull(self._stages[needed])  # or fetched into it here
                self._pulled[needed] = entry
            self._stages[needed].checkout(force=True)
        if self._exchange:
            self._exchange.recall(stage)
        # A clone's dvc.lock is not updated: reading and writing it would cost more than all else here.
        if stage.reproduce(pull=self._exchange is not None) and self._keep:
            note([stage])
        if self._exchange and self._remote:
            # If a stage changed the code, its results are not those of the commit.
            git.check(self._folder, self._remote.commit)
            self._exchange.push(stage)
        return lock_entry(stage)


def main(root: Path, clone: Path | None, cache: Path, remote: RemoteClone | None = None) -> None:
    """Serve until stdin ends; without a clone, in the project itself. With a remote, the clone is there already."""
    jobs: queue.Queue[dict[str, Any]] = queue.Queue()
    # Commands and replies move off the standard streams: a stage's input is empty, its output goes to its log.
    commands, replies = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    with Path(os.devnull).open() as null:
        os.dup2(null.fileno(), 0)
    os.dup2(2, 1)
    warmed = warm.Server()
    if warm.VARIABLE not in os.environ:  # on a cluster there is none yet
        warmed.start()

    leaving = threading.Event()
    leave = partial(_leave, clone, warmed, leaving)

    def listen() -> None:
        for line in commands:
            jobs.put(json.loads(line))
        leave()

    signal.signal(signal.SIGTERM, lambda *_: leave())
    threading.Thread(target=listen, daemon=True).start()
    try:
        if clone is not None and not remote:
            try:
                make_clone(root, clone, cache)
            except (git.GitError, OSError) as error:
                sys.exit(f"no clone for a worker: {error}")
        folder = clone or root
        os.chdir(folder)
        worker = Worker(folder, clone is None, remote)
        while True:
            reply = worker.do(jobs.get())
            with contextlib.suppress(BrokenPipeError):  # the grid is gone: the other thread is about to end this one
                print(json.dumps(reply), file=replies, flush=True)
    except BaseException:
        if leaving.is_set():  # the other thread is removing the clone, and would stop if this one ended
            threading.Event().wait()
        raise


def _leave(clone: Path | None, warmed: warm.Server, leaving: threading.Event) -> NoReturn:
    """End what runs, remove the clone, exit. The main thread may still write into the clone: hence several tries."""
    leaving.set()
    processes.end(processes.descendants())
    warmed.close()
    for _ in range(40):
        processes.kill(processes.descendants())  # what it has started since
        if clone is None:
            break
        shutil.rmtree(clone, ignore_errors=True)
        time.sleep(0.05)
        if not clone.exists():
            break
    os._exit(0)


def _stand_apart() -> None:
    """Go on in a child, for which this process then only waits; call it before any thread is started.

    Ray kills an actor together with the processes that it started, but not their children: the child sees its input
    end, and has time to clean up.
    """
    child = os.fork()
    if not child:
        return
    os.close(0)
    os.close(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    at, own, shared, *more = sys.argv[1:]
    if more:
        _stand_apart()
    main(Path(at), Path(own) if own else None, Path(shared), RemoteClone(*more) if more else None)
