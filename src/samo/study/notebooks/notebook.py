"""Runs one notebook with parameters, in this process, and leaves a copy that reads well alone."""

import logging
import os
import warnings
from pathlib import Path
from typing import Any

import nbformat

from samo.study import paths, store
from samo.study.errors import NotebookError
from samo.study.notebooks.page import page
from samo.study.notebooks.scrub import scrub, title
from samo.study.progress import echo
from samo.study.warm import KEEP_MEMORY


def run(notebook: str, name: str, parameters: dict[str, Any]) -> Path:
    """Execute `notebooks/<notebook>.ipynb` into `reports/executed/<name>.ipynb` and `.html`; gives the former's path.

    Nothing may depend on the bytes of either: they are for people. The copy's heading names the parameters' values, and
    what differs from run to run by chance alone is taken out (`samo.study.notebooks.scrub`). `parameters` replace those
    of the cell tagged `parameters`; each must be named there.

    Raises:
        NotebookError: no such notebook or parameter, a failing cell, or a kernel that was killed.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    root = paths.root()
    for given in (notebook, name):
        if Path(given).name != given or not given.strip("."):
            raise NotebookError(f"{given!r} is no name of a notebook: it is given without folder and ending")
    source = root / "notebooks" / f"{notebook}.ipynb"
    if not source.is_file():
        raise NotebookError(f"{source}: no such notebook")
    known = _parameters(source)
    if unknown := sorted(set(parameters) - known):
        has = f"it has {', '.join(sorted(known))}" if known else "it has no cell tagged `parameters` that sets one"
        raise NotebookError(f"{source}: has no parameter {', '.join(unknown)}; {has}")
    for speaker in ("papermill", "traitlets"):
        logging.getLogger(speaker).setLevel(logging.CRITICAL)  # what it says is raised, too
    os.environ.update(KEEP_MEMORY)
    os.environ["PYTHONPATH"] = str(root / "src")
    os.environ["DVC_ROOT"] = str(root)
    target = root / "reports/executed" / f"{name}.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    working = target.with_name(f".{name}.running.ipynb")
    try:
        with echo(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                papermill.execute_notebook(
                    source,
                    working,
                    parameters,
                    kernel_name="python3",
                    cwd=root,
                    progress_bar=False,
                    record_timing=False,
                    kernel_manager_class="samo.study.notebooks.kernel.LocalKernelManager",
                    shutdown_kernel="immediate",
                )
            except PapermillExecutionError as error:
                raise NotebookError(f"{source.name}: {error.ename}: {error.evalue}") from None
            except DeadKernelError:
                raise NotebookError(
                    f"{source.name} ({name}): its kernel was killed (out of memory, perhaps): the same command "
                    "goes on, a condition from its last checkpoint"
                ) from None
        executed = title(scrub(nbformat.read(working, as_version=4), root), " / ".join(map(str, parameters.values())))
    finally:
        working.unlink(missing_ok=True)
    store.write_text(target, nbformat.writes(executed) + "\n")
    store.write_text(target.with_suffix(".html"), page(executed, name))
    return target


def _parameters(source: Path) -> set[str]:
    """The names that its parameters cell sets; a NotebookError where it is no notebook."""
    import papermill

    try:
        content = nbformat.reader.reads(source.read_text(encoding="utf-8"))
        if content.get("nbformat") != 4:
            raise ValueError(f"of format {content.get('nbformat')!r}, not 4")
        nbformat.validate(content)
        tagged = [cell for cell in content.cells if "parameters" in cell.metadata.get("tags", [])]
        if not tagged or tagged[0].cell_type != "code" or not tagged[0].source.strip():
            return set()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return set(papermill.inspect_notebook(str(source)))
    except Exception as error:  # whatever a file may hold
        reason = (str(error) or type(error).__name__).splitlines()[0][:120]
        raise NotebookError(f"{source}: no notebook ({reason}): `git checkout` brings it back as it was") from None
