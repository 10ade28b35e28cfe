"""Imports between the folders of samo run one way, and the step can be taken out."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.imports import imports

SRC = Path(__file__).parents[1] / "src" / "samo"
ORDER = ["aggregation", "optim", "models", "training", "datasets", "results", "analysis", "claims", "figures", "study"]


def imported(folder: str) -> Iterator[tuple[str, str, str]]:
    """(file, package, the part of it) of all that a folder's files import."""
    for path in (SRC / folder).rglob("*.py"):
        for name in imports(ast.parse(path.read_text())):
            package, part, *_ = [*name.split("."), ""]
            yield path.relative_to(SRC).as_posix(), package, part


def test_the_step_needs_torch_torchjd_and_the_aggregators_alone() -> None:
    known = {"torch", "torchjd", "numpy", *sys.stdlib_module_names}
    for folder, own in (("optim", {"optim", "aggregation"}), ("aggregation", {"aggregation"})):
        for file, package, part in imported(folder):
            assert package in known or (package == "samo" and part in own), f"{file} imports {package}.{part}"


def test_imports_run_downwards() -> None:
    """A folder imports those before it; claims and figures, which both stand on results, leave each other alone."""
    for place, folder in enumerate(ORDER):
        for file, package, part in imported(folder):
            assert package != "samo" or part not in ORDER[place + 1 :], f"{file} imports samo.{part}"
