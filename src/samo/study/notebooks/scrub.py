"""Takes out of an executed notebook what differs from run to run though nothing changed, and what nobody reads."""

import re
from collections import Counter
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_output

STYLER = re.compile(r"\bT_[0-9a-f]{5}(?=[\"_ ])")
"""How pandas names a styled table: at random."""
ADDRESS = re.compile(r" at 0x[0-9a-f]+")
STAMP = re.compile(r"^\[([WEI])\d{4} \d\d:\d\d:[\d.]+ +", re.MULTILINE)
"""How torch's own code begins a warning: letter, day, time."""
NOISE = re.compile(r"^(USDT|INFO):.*\n?", re.MULTILINE)
"""Lines of torch's profiler."""
PACKAGES = re.compile(r"\S*/(site|dist)-packages/")


def scrub(executed: NotebookNode, root: Path) -> NotebookNode:
    """Take out times, random ids, addresses and the folder `root`; say each warning once. The notebook is changed.

    Warnings and what a cell prints come before its other outputs, each in one piece: where in between the kernel
    sends them is a matter of luck.
    """
    executed.metadata.pop("papermill", None)
    executed.metadata.get("language_info", {}).pop("version", None)
    for number, cell in enumerate(executed.cells):
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        cell["id"] = f"cell-{number}"
        if cell.cell_type == "code":
            cell["outputs"] = _streams(cell.outputs, root) + [
                _output(o, number) for o in cell.outputs if o.output_type != "stream"
            ]
    return executed


def title(executed: NotebookNode, words: str) -> NotebookNode:
    """Put `words` behind the notebook's first heading, so that it says what it was run for."""
    if words and executed.cells and executed.cells[0].source.startswith("# "):
        heading, _, rest = executed.cells[0].source.partition("\n")
        executed.cells[0]["source"] = f"{heading}: {words}" + (f"\n{rest}" if rest else "")
    return executed


def _streams(outputs: list[NotebookNode], root: Path) -> list[NotebookNode]:
    streams = [o for o in outputs if o.output_type == "stream"]
    said = {name: "".join(o.text for o in streams if o.name == name) for name in ("stderr", "stdout")}
    said["stderr"] = _once(said["stderr"], root)
    return [new_output("stream", name=name, text=text) for name, text in said.items() if text.strip()]


def _once(text: str, root: Path) -> str:
    """Each warning once, with how often it came; a progress bar as it stood last."""
    text = STAMP.sub(r"[\1 ", NOISE.sub("", re.sub(r"[^\n]*\r(?!\n)", "", text)))
    text = PACKAGES.sub("", text.replace(f"{root}/", "").replace(f"{root.resolve()}/", ""))
    # A warning is a line and the indented ones below it.
    found = Counter(re.findall(r"^\S.*\n?(?:^[ \t]+.*\n?)*", text, flags=re.MULTILINE))
    times = {warning: f"  ({n} times)\n" if n > 1 else "" for warning, n in found.items()}
    return "".join(warning.rstrip("\n") + "\n" + times[warning] for warning in found)


def _output(output: NotebookNode, cell: int) -> NotebookNode:
    data = output.get("data", {})
    if "text/plain" in data:
        data["text/plain"] = ADDRESS.sub("", data["text/plain"])
    if "text/html" in data:
        names = list(dict.fromkeys(STYLER.findall(data["text/html"])))
        for number, name in enumerate(names):
            data["text/html"] = data["text/html"].replace(name, f"T_{cell}-{number}")
    return output
