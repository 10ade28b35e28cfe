"""Notebooks that are none, through `samo run`: refused before anything of them runs."""

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tests.corpus.entry import refused, samo, untouched


@pytest.fixture
def project(tmp_path, monkeypatch):
    root = tmp_path / "project"
    (root / "notebooks").mkdir(parents=True)
    (root / "dvc.yaml").write_text("stages: {}\n")
    monkeypatch.setenv("DVC_ROOT", str(root))
    return root


def code(source: str, *tags: str):
    return new_code_cell(source, metadata={"tags": list(tags)})


def text(*cells) -> str:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return str(nbformat.writes(new_notebook(cells=list(cells), metadata={"kernelspec": kernel})))


RUNS = code("import os; os.mkdir('ran')")
GOOD = json.loads(text(code("dataset = 1", "parameters"), RUNS))

NOTEBOOKS: dict[str, str | bytes] = {
    "nothing": "",
    "no cells": json.dumps({key: value for key, value in GOOD.items() if key != "cells"}),
    "a cell without a kind": json.dumps(GOOD | {"cells": [{"source": "1"}]}),
    "a format to come": json.dumps(GOOD | {"nbformat": 99}),
    "no parameters": text(RUNS),
    "parameters in words": text(new_markdown_cell("dataset = 1", metadata={"tags": ["parameters"]}), RUNS),
    "another parameter": text(code("datasets = 1", "parameters"), RUNS),
    "not UTF-8": b"\xff\xfe\x00",
}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_broken_notebooks(project, capsys, name):
    content = NOTEBOOKS[name]
    path = project / "notebooks/made.ipynb"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with untouched(project):
        found = samo(capsys, "run", "made", "--name", "made-one", "-p", "dataset=multimnist")
    refused(found, str(path))
    assert not (project / "ran").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("../secret", "--name", "one"),
        ("made", "--name", "../../one"),
        ("made", "--name", ""),
        ("gone", "--name", "one"),
    ],
)
def test_names_that_lead_elsewhere(project, capsys, words):
    (project / "notebooks/made.ipynb").write_text(json.dumps(GOOD))
    with untouched(project.parent):
        refused(samo(capsys, "run", *words), "samo: ")
    assert not (project / "ran").exists()


@pytest.mark.parametrize("pair", ["dataset", "os.mkdir('ran')=1"])
def test_parameters_that_are_none(project, capsys, pair):
    (project / "notebooks/made.ipynb").write_text(text(code("rho = 1", "parameters"), RUNS))
    with untouched(project.parent):
        refused(samo(capsys, "run", "made", "--name", "one", "-p", pair), lines=6)
    assert not (project / "ran").exists()
