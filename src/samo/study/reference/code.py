"""The id of the code that shapes a training: what it does, not how it is worded or laid out."""

import ast
import hashlib
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

FOLDERS = ("aggregation", "models", "optim", "training", "datasets/parts")
PACKAGES = ("numpy", "scipy", "torch", "torchjd")
"""Whose versions shape a training, too."""


def identity(source: Path, dataset: str) -> str:
    """16 hexadecimal digits of the code behind a dataset's trainings; comments, docstrings and layout do not count.

    Args:
        source: the folder `src/samo`.
        dataset: its file counts beside the folders that all trainings share.
    """
    files = sorted(path for folder in FOLDERS for path in (source / folder).rglob("*.py"))
    found = hashlib.sha256()
    for path in [*files, source / "datasets" / f"{dataset}.py"]:
        found.update(f"{path.relative_to(source).as_posix()}\n{meaning(path.read_text())}\n".encode())
    found.update(" ".join(f"{name}={version(name).split('+')[0]}" for name in PACKAGES).encode())
    return found.hexdigest()[:16]


def meaning(text: str) -> str:
    """A module's syntax tree without its docstrings."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = list(_bare(node.body))
    return ast.dump(tree)


def _bare(body: Iterable[ast.stmt]) -> Iterable[ast.stmt]:
    """Statements that do something: a text that stands alone does not."""
    for statement in body:
        if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
            yield statement
