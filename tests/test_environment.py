"""pyproject, lock and environment.yml say the same."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
LOCK = {
    re.split(r"[=\[]", line)[0].lower(): line.split(";")[0].split("==")[1].strip()
    for line in (ROOT / "requirements.lock").read_text().splitlines()
    if "==" in line
}


def canonical(name):
    return re.sub(r"[-_.]+", "-", name.split("[")[0]).lower()


@pytest.mark.parametrize("requirement", PROJECT["dependencies"] + [r for rs in EXTRAS.values() for r in rs])
def test_every_dependency_is_pinned_as_in_the_lock(requirement):
    name, version = requirement.split("==")
    assert LOCK[canonical(name)] == version


def test_the_conda_environment_installs_this_project_under_the_lock():
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (pip,) = [d["pip"] for d in dependencies if isinstance(d, dict)]
    assert pip[0] == "-c requirements.lock"
    extras = pip[1].removeprefix("-e .[").removesuffix("]").split(",")
    assert set(extras) <= set(EXTRAS)
    assert f"python{PROJECT['requires-python']}" in dependencies


def test_no_cuda_package_is_asked_for_by_name():
    asked = [canonical(r) for r in PROJECT["dependencies"] + [r for rs in EXTRAS.values() for r in rs]]
    assert not [name for name in asked if name.startswith(("nvidia", "cuda"))]
