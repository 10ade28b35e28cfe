"""Imports between the folders of samo run one way, and the step can be taken out."""

import ast
import sys
from pathlib import Path

from tests.imports import imports

SRC = Path(__file__).parents[1] / "src" / "samo"
ORDER = ["aggregation", "optim", "models", "training", "datasets", "results", "analysis", "claims", "figures", "study"]


def imported(path: Path) -> set[str]:
    return set(imports(ast.parse(path.read_text())))


def test_the_step_needs_torch_torchjd_and_the_aggregators_alone() -> None:
    for folder, own in (("optim", {"optim", "aggregation"}), ("aggregation", {"aggregation"})):
        for path in (SRC / folder).rglob("*.py"):
            for name in imported(path):
                first, _, rest = name.partition(".")
                allowed = first in ("torch", "torchjd", "numpy") or first in sys.stdlib_module_names
                assert allowed or (first == "samo" and rest.split(".")[0] in own), f"{path.name} imports {name}"


def test_imports_run_downwards() -> None:
    """A folder imports those before it; claims and figures, which both stand on results, leave each other alone."""
    upwards = []
    for place, folder in enumerate(ORDER):
        for path in (SRC / folder).rglob("*.py"):
            for name in imported(path):
                parts = name.split(".")
                if parts[0] == "samo" and len(parts) > 1 and parts[1] in ORDER and ORDER.index(parts[1]) > place:
                    upwards.append(f"{path.relative_to(SRC)} imports {name}")
    assert not upwards, "\n".join(upwards)
