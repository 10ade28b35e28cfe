"""Runs one notebook with parameters, in this process, and leaves a copy that can be read on its own."""

import logging
import os
import re
import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import nbformat
import papermill
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output
from papermill.exceptions import PapermillExecutionError

from samo.study import paths, store, warm
from samo.study.errors import NotebookError
from samo.study.notebooks.page import page
from samo.study.progress import echo

STYLER = re.compile(r"\bT_[0-9a-f]{5}(?=[\"_ ])")  # how pandas names a styled table: at random
CHANCE = {
    r"[^\n]*\r(?!\n)": "",  # all states of a progress bar but the last
    r"^(USDT|INFO):.*\n?": "",  # lines of torch's profiler
    r"^\[([WEI])\d{4} \d\d:\d\d:[\d.]+ +": r"[\1 ",  # torch's warnings: letter, day, time
    r"\S*/(site|dist)-packages/": "",
}
"""Pattern -> what is left of it in what a cell says on stderr."""


class LocalKernelManager(AsyncKernelManager):  # type: ignore[misc]
    """Uses IPC sockets: nothing listens, even on loopback, and ipykernel has nothing to warn about."""

    transport = "ipc"

    def format_kernel_cmd(self, extra_arguments: list[str] | None = None) -> list[str]:
        """The usual command; if a server has the libraries loaded (`samo.study.warm`), one that asks it.

        The kernel is silenced: it would log an interruption at the end of each notebook.
        """
        command: list[Any] = [*super().format_kernel_cmd(extra_arguments), "--log-level=50"]
        if warm.VARIABLE not in os.environ or command[1:3] != ["-m", "ipykernel_launcher"]:
            return command
        return [sys.executable, "-m", "samo.study.warm", "kernel", *command[3:]]


def run(notebook: str, name: str, parameters: dict[str, Any]) -> Path:
    """Execute `notebooks/<notebook>.ipynb` into `reports/executed/<name>.ipynb` and `.html`; returns the first path.

    Nothing may depend on the bytes of either: they are for people. The copy's heading has the parameters' values, and
    what differs between runs by chance alone is removed (`scrub`). `parameters` replace those of the cell tagged
    `parameters`; each must be named there. A NotebookError says that there is no such notebook or parameter, that a
    cell failed, or that the kernel was killed.
    """
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
        logging.getLogger(speaker).setLevel(logging.CRITICAL)  # what it logs is also raised
    os.environ |= warm.KEEP_MEMORY | {"PYTHONPATH": str(root / "src"), "DVC_ROOT": str(root)}
    target = root / "reports/executed" / f"{name}.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    with echo(), warnings.catch_warnings(action="ignore"):
        try:
            # No output file: papermill would rewrite it before and after every cell.
            made = papermill.execute_notebook(
                source,
                None,
                parameters,
                kernel_name="python3",
                cwd=root,
                progress_bar=False,
                record_timing=False,
                kernel_manager_class="samo.study.notebooks.notebook.LocalKernelManager",
                shutdown_kernel="immediate",
            )
        except PapermillExecutionError as error:
            raise NotebookError(f"{source.name}: {error.ename}: {error.evalue}") from None
        except DeadKernelError:
            raise NotebookError(
                f"{source.name} ({name}): its kernel was killed (out of memory, perhaps): the same command "
                "goes on, a condition from its last checkpoint"
            ) from None
    executed = title(scrub(made, root), " / ".join(map(str, parameters.values())))
    store.write_text(target, nbformat.writes(executed) + "\n")
    store.write_text(target.with_suffix(".html"), page(executed, name))
    return target


def _parameters(source: Path) -> set[str]:
    """The names that a notebook's parameters cell sets; a NotebookError if the file is no notebook."""
    try:
        content = nbformat.reader.reads(source.read_text(encoding="utf-8"))
        if content.get("nbformat") != 4:
            raise ValueError(f"of format {content.get('nbformat')!r}, not 4")
        nbformat.validate(content)
        tagged = [cell.cell_type for cell in content.cells if "parameters" in cell.metadata.get("tags", [])]
        with warnings.catch_warnings(action="ignore"):
            return set(papermill.inspect_notebook(str(source))) if tagged[:1] == ["code"] else set()
    except Exception as error:  # a file may hold anything
        reason = (str(error) or type(error).__name__).splitlines()[0][:120]
        raise NotebookError(f"{source}: no notebook ({reason}): `git checkout` brings it back as it was") from None


def scrub(executed: NotebookNode, root: Path) -> NotebookNode:
    """Remove times, random ids, addresses and the folder `root`; keep each warning once. Changes the notebook.

    Warnings and what a cell prints are moved before its other outputs, each in one piece: where the kernel sends them
    among these is a matter of luck.
    """
    executed.metadata.pop("papermill", None)
    executed.metadata.get("language_info", {}).pop("version", None)
    for number, cell in enumerate(executed.cells):
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        cell["id"] = f"cell-{number}"
        if cell.cell_type == "code":
            said = {"stderr": "", "stdout": ""}
            for output in cell.outputs:
                if output.output_type == "stream":
                    said[output.name] += output.text
                else:
                    _rename(output.get("data", {}), number)
            said["stderr"] = _once(said["stderr"], root)
            streams = [new_output("stream", name=name, text=text) for name, text in said.items() if text.strip()]
            cell["outputs"] = streams + [output for output in cell.outputs if output.output_type != "stream"]
    return executed


def title(executed: NotebookNode, words: str) -> NotebookNode:
    """Append `words` to the notebook's first heading, so that it says what it was run for."""
    if words and executed.cells and executed.cells[0].source.startswith("# "):
        heading, *rest = executed.cells[0].source.split("\n")
        executed.cells[0]["source"] = "\n".join([f"{heading}: {words}", *rest])
    return executed


def _once(text: str, root: Path) -> str:
    """Each warning once, with how often it came; without what differs by chance."""
    for pattern, left in CHANCE.items():
        text = re.sub(pattern, left, text, flags=re.MULTILINE)
    text = text.replace(f"{root}/", "").replace(f"{root.resolve()}/", "")
    # A warning is a line and the indented ones below it.
    found = Counter(re.findall(r"^\S.*\n?(?:^[ \t]+.*\n?)*", text, flags=re.MULTILINE))
    return "".join(one.rstrip("\n") + "\n" + (f"  ({n} times)\n" if n > 1 else "") for one, n in found.items())


def _rename(data: NotebookNode, cell: int) -> None:
    """Name styled tables by their place, and objects without their address."""
    if "text/plain" in data:
        data["text/plain"] = re.sub(r" at 0x[0-9a-f]+", "", data["text/plain"])
    if "text/html" in data:
        for number, name in enumerate(dict.fromkeys(STYLER.findall(data["text/html"]))):
            data["text/html"] = data["text/html"].replace(name, f"T_{cell}-{number}")
