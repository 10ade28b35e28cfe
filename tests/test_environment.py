"""pyproject, lock and environment.yml say the same; the environment is made from where pip is told to take packages."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.imports import imports

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
ASKED = [Requirement(text) for text in [*PROJECT["dependencies"], *(r for rs in EXTRAS.values() for r in rs)]]
LOCK = {
    canonicalize_name(line.split("==")[0]): line.split(";")[0].split("==")[1].strip()
    for line in (ROOT / "requirements.lock").read_text().splitlines()
}


def test_the_lock_holds_an_exact_version_of_what_is_asked_for_as_a_range() -> None:
    assert len(LOCK) > 100
    assert not [version for version in LOCK.values() if not re.fullmatch(r"[0-9][^\s*]*", version)]
    for asked in ASKED:
        assert not [one for one in asked.specifier if one.operator in {"==", "==="}], asked
        assert asked.specifier.contains(LOCK[canonicalize_name(asked.name)], prereleases=True), asked


COMMANDS = {"jupyter": "make lab", "ipykernel": "the kernels' own", "torchmetrics": "calibration errors"}
"""Declared for the study, though no line imports it."""


def imported(folder: str) -> dict[str, set[str]]:
    """What files of a folder import, our own aside: module -> the packages that install it."""
    found = {name for path in (ROOT / folder).rglob("*.py") for name in imports(ast.parse(path.read_text()))}
    tops = {name.split(".")[0] for name in found} - sys.stdlib_module_names - {"samo", "tests"}
    known = packages_distributions()
    return {top: {canonicalize_name(name) for name in known.get(top, [top])} for top in tops}


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    """By the project itself, whatever else brings it."""
    own = {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}
    asked = {extra: {canonicalize_name(Requirement(text).name) for text in EXTRAS[extra]} for extra in EXTRAS}
    for folder, extras in (("src", ["study", "cluster"]), ("tests", ["study", "cluster", "dev"])):
        declared = own.union(*(asked[extra] for extra in extras))
        assert [top for top, packages in imported(folder).items() if not packages & declared] == [], folder
    assert asked["study"].difference(*imported("src").values()) <= set(COMMANDS)


def test_the_conda_environment_installs_this_project_under_the_lock() -> None:
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (pip,) = [d["pip"] for d in dependencies if isinstance(d, dict)]
    assert pip[0] == "-c requirements.lock"
    assert set(pip[1].removeprefix("-e .[").removesuffix("]").split(",")) <= set(EXTRAS)
    assert f"python{PROJECT['requires-python']}" in dependencies


def test_nothing_that_only_slows_or_needs_a_gpu_is_locked_in() -> None:
    """rfc3987-syntax makes every `import nbformat` take seconds."""
    assert "rfc3987-syntax" not in LOCK
    assert not [asked.name for asked in ASKED if asked.name.startswith(("nvidia", "cuda"))]


def test_uv_is_told_of_the_indexes_that_pip_is_configured_with(tmp_path: Path) -> None:
    config = tmp_path / "pip.conf"
    config.write_text(
        "[global]\nindex-url = https://a.invalid/simple\nextra-index-url =\n  https://b.invalid/s\n  file:///c\n"
    )
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "UV_"))}
    env |= {"PIP_CONFIG_FILE": str(config), "PIP_FIND_LINKS": "/d", "UV_DEFAULT_INDEX": "https://own.invalid"}
    code = "import json, sys, environment; print(json.dumps(environment.indexes(sys.executable)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    seen = yaml.safe_load(done.stdout)
    assert seen["UV_DEFAULT_INDEX"] == "https://own.invalid"  # a person's own word for uv stands
    assert seen["UV_INDEX"].split()[-2:] == ["https://b.invalid/s", "file:///c"]
    assert "/d" in seen["UV_FIND_LINKS"].split(",")


def test_an_environment_elsewhere_is_made_there_and_nowhere_else() -> None:
    asked = ["make", "-C", str(ROOT), "-n", "-W", "pyproject.toml", "VENV=/some/where", "--no-print-directory", "env"]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    assert re.search(r"environment\.py /some/where$", said, re.MULTILINE)
