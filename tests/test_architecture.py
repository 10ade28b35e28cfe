"""Imports between the folders of samo run one way, the step can be taken out, and a new file is found or refused."""

import ast
import importlib
import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from samo import claims, datasets
from samo.analysis import options
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


@pytest.mark.parametrize(
    ("package", "name", "told"),
    [
        ("claims", "c5_toy", "must be named"),
        ("claims", "c05_toy", "c05_improves.py has this number"),
        ("claims", "c99_toy", "samo.claims.c99_toy: no SOURCE"),
        ("datasets", "toy", "samo.datasets.toy: no RAW; a dataset has RAW, Data, Training"),
        ("analysis", "toy", "samo.analysis.toy: no Options"),
    ],
)
def test_a_new_file_that_lacks_something_is_told(package, name, told, tmp_path, monkeypatch):
    module = importlib.import_module(f"samo.{package}")
    (tmp_path / f"{name}.py").write_text('"""99. Nothing."""\n')
    monkeypatch.setattr(module, "__path__", [*module.__path__, str(tmp_path)])
    wanted: dict[str, Callable[[], object]] = {
        "claims": partial(claims.get, 99),
        "datasets": partial(datasets.get, name),
        "analysis": partial(options, name),
    }
    with pytest.raises(ValueError, match=re.escape(told)):
        wanted[package]()
    sys.modules.pop(f"samo.{package}.{name}", None)
