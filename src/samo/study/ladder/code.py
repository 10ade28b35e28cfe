"""The id of the code that shapes a training: what it does, not how it is worded or laid out."""

import ast
import hashlib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

ENTRIES = ("training.loop", "training.search", "training.evaluation")
"""Where a training's code begins, besides its dataset's module."""
PACKAGES = ("numpy", "scipy", "torch", "torchjd")
"""Packages whose versions shape a training, too."""


def identity(source: Path, dataset: str) -> str:
    """16 hexadecimal digits of all code that a dataset's trainings reach: its module and `ENTRIES`, with their imports.

    Comments, docstrings and layout do not count. `source` is the folder `src/samo`.
    """
    found, waiting = dict[Path, ast.Module](), [_file(source, name) for name in (*ENTRIES, f"datasets.{dataset}")]
    while waiting:
        path = waiting.pop()
        if path is not None and path not in found:
            found[path] = ast.parse(path.read_text())
            waiting += [_file(source, name) for name in _imported(found[path])]
    text = [f"{path.relative_to(source).as_posix()} {meaning(found[path])}" for path in sorted(found)]
    text += [f"{name}={version(name).split('+')[0]}" for name in PACKAGES]
    return hashlib.sha256("\n".join(text).encode()).hexdigest()[:16]


def meaning(tree: ast.Module) -> str:
    """A module's syntax tree without docstrings and other strings that stand alone, which do nothing."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [s for s in node.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
    return ast.dump(tree)


def _imported(tree: ast.Module) -> Iterator[str]:
    """The modules below `samo` that a module may import; names that are no modules are skipped later."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[2] for alias in node.names if alias.name.startswith("samo"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "samo":
            inner = (node.module or "").partition(".")[2]
            yield inner
            yield from (f"{inner}.{alias.name}".lstrip(".") for alias in node.names)


def _file(source: Path, name: str) -> Path | None:
    at = source.joinpath(*name.split("."))
    return next((path for path in (at.with_suffix(".py"), at / "__init__.py") if name and path.is_file()), None)
