"""dvc.yaml is complete: a stage depends on every file of `samo` that its command can reach and that shapes its bytes.

The imports are read from the source, also those inside functions; what finds a module by its name is told in `BY_NAME`.
"""

import ast
import inspect
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from samo.study import cli
from tests.imports import imports

ROOT = Path(__file__).parents[1]
STAGES: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]

HARMLESS = {
    "src/samo/__init__.py": "names only; what a notebook takes from it is looked up by the test",
    "src/samo/study/__init__.py": "switches telemetry off",
    "src/samo/datasets/__init__.py": "finds a dataset by its name",
    "src/samo/analysis/__init__.py": "finds an analysis by its name",
    "src/samo/study/paths.py": "where files lie",
    "src/samo/study/errors.py": "the words of a fault",
    "src/samo/study/store.py": "files appear whole or not at all; their text is made by runs/formats.py",
}
"""Reachable, but it cannot change what a stage writes; what it imports can."""

ASIDE = {
    "src/samo/study/tracking": "MLflow is told of results, none comes from it",
    "src/samo/study/progress.py": "says how far a stage is",
    "src/samo/study/processes.py": "which processes are alive, and how one is stopped",
    "src/samo/study/notebooks": "runs notebooks, and shows results in the executed one, which is a leaf",
    "src/samo/figures": "pictures in an executed notebook; the stages whose pictures are results name all of src/samo",
}
"""The same of it and of all that it alone imports."""

CHECKS = {"src/samo/study/config": ("src/samo/aggregation", "src/samo/datasets", "src/samo/optim")}
"""What reads params.yaml imports these to refuse what they do not know; a stage that uses them imports them itself."""

TRAINS = ("src/samo/aggregation", "src/samo/models", "src/samo/optim", "src/samo/training")
UNUSED = {"fetch": TRAINS, "prepare": TRAINS}
"""Stage -> what it imports with a file of which it uses something else: a dataset's names its network, for training."""

THROUGH = {"analyse": ("src/samo/aggregation", "src/samo/datasets", "src/samo/models", "src/samo/training")}
"""Stage -> what it depends on through the stage `train`: an analysis sees data and networks by the losses that trained
them, so that a change which shows there shows in data/runs and data/models, too."""

BY_NAME = {
    "src/samo/__init__.py": "`HOMES` below",
    "src/samo/datasets/__init__.py": "the stage's own dataset",
    "src/samo/analysis/__init__.py": "the stage's own analysis",
    "src/samo/claims/__init__.py": "every file of its folder",
    "src/samo/study/warm.py": "what stages import anyway, ahead of them",
    "src/samo/study/config/params.py": "the stage's own analysis; the others it can only refuse",
}
"""Files that import a module by its name, and which that can be."""

DATASETS = sorted(p.stem for p in (ROOT / "src/samo/datasets").glob("[a-z]*.py"))
ANALYSES = sorted(p.stem for p in (ROOT / "src/samo/analysis").glob("[a-z]*.py"))


def code_of(notebook: str) -> ast.Module:
    cells = json.loads((ROOT / notebook).read_text())["cells"]
    return ast.parse("\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"))


def named(node: ast.AST) -> Iterator[str]:
    """What a piece of code imports, and what it looks up in the package itself."""
    yield from imports(node, typing=False)
    for n in ast.walk(node):
        if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == "samo":
            yield f"samo.{n.attr}"


HOMES = {
    f"samo.{alias.name}": f"{node.module}.{alias.name}"
    for node in ast.walk(ast.parse((ROOT / "src/samo/__init__.py").read_text()))
    if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("samo")
    for alias in node.names
}


@cache
def files(name: str) -> tuple[str, ...]:
    """The files that importing a name runs: its module's and those of the packages above."""
    found, parts = [], HOMES.get(name, name).split(".")
    for n in range(1, len(parts) + 1):
        path = Path("src", *parts[:n])
        if (ROOT / path / "__init__.py").is_file():
            found.append(f"{path}/__init__.py")
        elif (ROOT / path.with_suffix(".py")).is_file():
            found.append(f"{path}.py")
    return tuple(found) if parts[0] == "samo" else ()


@cache
def imported(path: str) -> frozenset[str]:
    """The files that one file's imports run."""
    names = list(named(ast.parse((ROOT / path).read_text())))
    if path == "src/samo/claims/__init__.py":
        names += [f"samo.claims.{p.stem}" for p in (ROOT / "src/samo/claims").glob("*.py")]
    not_used = [place for user, places in CHECKS.items() if under(path, [user]) for place in places]
    return frozenset(file for name in names for file in files(name) if not under(file, not_used))


def under(path: str, places: Iterable[str]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)


def reached(start: Iterable[str]) -> dict[str, str]:
    """File -> what imports it, from these names on; what `ASIDE` names is not walked through."""
    by = {file: "its command" for name in start for file in files(name)}
    todo = [file for file in by if not under(file, ASIDE)]
    while todo:
        path = todo.pop()
        for file in imported(path) - by.keys():
            by[file] = path
            todo += [] if under(file, ASIDE) else [file]
    return by


def command(name: str) -> ast.AST:
    """The function of a command of `samo`."""
    known = {one.name or one.callback.__name__: one.callback for one in cli.app.registered_commands if one.callback}
    return ast.parse(inspect.getsource(known[name]))


def starts(stage: dict[str, Any], item: dict[str, str]) -> Iterator[str]:
    """The names that a stage's commands import, for one item of its matrix."""
    for line in [stage["cmd"]] if isinstance(stage["cmd"], str) else stage["cmd"]:
        words = filled(line.split("samo.study ")[1], item).split()
        yield from named(code_of(f"notebooks/{words[1]}.ipynb") if words[0] == "run" else command(words[0]))
    if "dataset" in item:
        yield f"samo.datasets.{item['dataset']}"
    if "analysis" in item:
        yield f"samo.analysis.{item['analysis']}"


def filled(text: str, item: dict[str, str]) -> str:
    return re.sub(r"\$\{item\.(\w+)\}", lambda found: item[found[1]], text)


def items(stage: dict[str, Any]) -> Iterator[dict[str, str]]:
    kinds = {"dataset": DATASETS, "analysis": ANALYSES, "method": ["samo-ls"]}
    keys = list(stage.get("matrix", {}))
    yield from (dict(zip(keys, values, strict=True)) for values in itertools.product(*(kinds[key] for key in keys)))


def gaps(name: str, stages: dict[str, Any]) -> list[str]:
    """What a stage can reach and does not depend on."""
    found = set()
    for item in items(stages[name]):
        deps = [filled(dep, item) for dep in stages[name]["deps"]]
        for file, by in reached(starts(stages[name], item)).items():
            if file in HARMLESS or under(file, [*ASIDE, *UNUSED.get(name, ()), *THROUGH.get(name, ()), *deps]):
                continue
            if (ROOT / file).read_text().count("\n") > 1:  # a package that is a docstring shapes nothing
                found.add(f"{name}: no dependency on {file}, imported by {by}")
    return sorted(found)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_all_code_that_shapes_its_bytes(name):
    assert gaps(name, STAGES) == []


@pytest.mark.parametrize(
    ("stage", "dep", "missed"),
    [
        ("train", "src/samo/training", "src/samo/training/settings.py"),
        ("train", "src/samo/study/config", "src/samo/study/config/"),
        ("train", "src/samo/study/runs", "src/samo/study/runs/formats.py"),
        ("train", "src/samo/datasets/${item.dataset}.py", "src/samo/datasets/qm9.py"),
        ("analyse", "src/samo/optim", "src/samo/optim/update.py"),
        ("toys", "src/samo/aggregation", "src/samo/aggregation/combine.py"),
        ("tables", "src/samo", "src/samo/claims/c24_together.py"),
    ],
)
def test_a_dependency_that_is_left_out_is_missed(stage, dep, missed):
    planted = {**STAGES[stage], "deps": [one for one in STAGES[stage]["deps"] if one != dep]}
    assert len(planted["deps"]) == len(STAGES[stage]["deps"]) - 1
    assert any(missed in gap for gap in gaps(stage, {stage: planted}))


def test_what_is_left_aside_is_there_and_what_acts_through_training_is_a_dependency_of_it():
    for path in [*HARMLESS, *ASIDE, *BY_NAME, *CHECKS, *TRAINS]:
        assert (ROOT / path).exists(), path
    for name, places in THROUGH.items():
        assert all(any(under(dep, [place]) for dep in STAGES["train"]["deps"]) for place in places)
        outs = [out for out in STAGES["train"]["outs"] if out.startswith(("data/runs", "data/models"))]
        assert {out.replace("/${item.method}", "") for out in outs} <= set(STAGES[name]["deps"])


def test_no_other_file_imports_modules_by_name():
    by_name = re.compile(r"import_module|__import__|iter_modules")
    found = {str(p.relative_to(ROOT)) for p in (ROOT / "src").rglob("*.py") if by_name.search(p.read_text())}
    assert found == set(BY_NAME)


def test_every_source_that_a_stage_names_is_there():
    for stage in STAGES.values():
        for item in items(stage):
            for dep in (filled(one, item) for one in stage["deps"]):
                assert dep.startswith("data/") or dep in {"reports/figures", "reports/tables"} or (ROOT / dep).exists()


def test_it_is_short_and_what_only_moves_work_makes_nothing_stale():
    assert len((ROOT / "dvc.yaml").read_text().splitlines()) <= 180
    for name, stage in STAGES.items():
        assert len(stage["deps"]) <= 11, name
        for dep in stage["deps"] if name.startswith("train") else ():
            assert not under(dep, ASIDE)
            assert not any(under(place, [dep]) for place in ASIDE)
    assert not [key for stage in STAGES.values() for key in stage.get("params", []) if key.startswith("cluster")]
