"""One worker: a process with DVC imported once and a folder of its own, which does the jobs that come by a pipe.

When the pipe ends, whether the grid is done or was killed, it ends what it runs, removes its clone and exits, so that
nothing is left behind.
"""

import contextlib
import logging
import os
import queue
import shutil
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

from samo.study import git, processes, warm
from samo.study.grid.exchange import bring, copy_run_cache, make_clone, note, push
from samo.study.grid.plan import LockEntry, Locks, lock_entry, opened, parse_params_once
from samo.study.grid.schedule import Done
from samo.study.progress import VARIABLE


class _Ran(logging.Handler):
    """Learns from DVC's log whether a command ran, which its return value does not tell."""

    ran = False

    def emit(self, record: logging.LogRecord) -> None:
        self.ran |= record.getMessage().startswith("Running stage")


class Worker:
    """Does jobs in a folder, one at a time: in a clone, or, with `own`, in the project itself.

    `remote` and `commit` are given where the folder is a clone on another machine than the project.
    """

    def __init__(self, folder: Path, own: bool, remote: str = "", commit: str = "") -> None:
        parse_params_once()
        self._folder, self._own, self._remote, self._commit = folder, own, remote, commit
        with opened(folder) as (repo, stages):  # read once: a pipeline of many stages takes seconds to read
            self._repo, self._stages = repo, stages
        self._heard = _Ran()
        logger = logging.getLogger("dvc")
        logger.setLevel(logging.INFO)
        logger.addHandler(self._heard)

    def do(self, stage: str, inputs: Locks, log: Path, progress: Path) -> Done:
        """Bring a stage up to date; what it prints goes to `log`, what it reports to `progress`."""
        from dvc.exceptions import DvcException
        from dvc.repo import lock_repo

        os.environ[VARIABLE] = str(progress)
        self._heard.ran = False
        error, entry = "", None
        with log.open("w") as stream:
            os.dup2(stream.fileno(), 1)
            os.dup2(stream.fileno(), 2)
        try:
            with lock_repo(self._repo), self._repo.scm_context(quiet=True):
                entry = self._reproduce(self._stages[stage], inputs)
        except (DvcException, OSError, RuntimeError) as exc:
            error = " ".join(str(exc.__cause__ or exc).split()) or type(exc).__name__
            print(error, flush=True)
        return Done(stage, self._heard.ran, entry, error, log)

    def _reproduce(self, stage: Any, inputs: Locks) -> LockEntry | None:
        try:
            # Another worker's clone, or the project, made them: in the project itself they are present.
            for needed, entry in {} if self._own else inputs.items():
                bring(self._stages[needed], entry, self._remote)
            if self._remote:
                stage.save_deps()
                copy_run_cache(stage, self._remote, down=True)
            # A clone's dvc.lock is not updated: reading and writing it would cost more than all else here.
            if stage.reproduce(pull=bool(self._remote)) and self._own:
                note([stage])
            if self._remote:
                # If a stage changed the code, its results are not those of the commit.
                git.check(self._folder, self._commit)
                push(stage, self._remote)
            return lock_entry(stage)
        except Exception:
            stage.remove_outs(ignore_remove=False, force=False)  # incomplete outputs are no result
            raise


def main(grid: Connection, folder: Path, root: Path, *remote: str) -> None:
    """Do jobs until the pipe ends, in the project's own folder or in a clone; with a remote, the clone is there."""
    own = folder == root and not remote
    jobs: queue.Queue[tuple[Any, ...]] = queue.Queue()
    leaving = threading.Event()
    warmed = warm.Server()
    if warm.VARIABLE not in os.environ:  # on a cluster there is none yet
        warmed.start()

    def leave(*_signal: Any) -> NoReturn:
        """End what runs, remove the clone, exit. The main thread may still write into it: hence several tries."""
        leaving.set()
        processes.end(processes.descendants())
        warmed.close()
        for _ in range(40):
            processes.end(processes.descendants(), grace=0)  # what it has started since
            if own:
                break
            shutil.rmtree(folder, ignore_errors=True)
            time.sleep(0.05)
            if not folder.exists():
                break
        os._exit(0)

    def listen() -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                jobs.put(grid.recv())
        leave()

    signal.signal(signal.SIGTERM, leave)
    threading.Thread(target=listen, daemon=True).start()
    try:
        if folder != root:
            try:
                make_clone(root, folder)
            except (git.GitError, OSError) as error:
                sys.exit(f"no clone for a worker: {error}")
        os.chdir(folder)
        worker = Worker(folder, own, *remote)
        while True:
            done = worker.do(*jobs.get())
            with contextlib.suppress(OSError):  # the grid is gone: the other thread is about to end this one
                grid.send(done)
    except BaseException:
        if leaving.is_set():  # the other thread is removing the clone, and would stop if this one ended
            threading.Event().wait()
        raise


def _stand_apart(grid: Connection) -> None:
    """Go on in a child, for which this process then only waits; call it before any thread is started.

    Ray kills an actor together with the processes that it started, but not their children: the child sees its pipe
    end, and has time to clean up.
    """
    child = os.fork()
    if not child:
        return
    grid.close()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    number, at, project, *elsewhere = sys.argv[1:]
    pipe = Connection(int(number))
    if elsewhere:
        _stand_apart(pipe)
    main(pipe, Path(at), Path(project), *elsewhere)
