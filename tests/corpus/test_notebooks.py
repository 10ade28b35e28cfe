"""Notebooks that are none, through `samo run`: refused before anything of them runs."""

import json

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tests.corpus.entry import refused, samo, untouched


def code(source: str, *tags: str):
    return new_code_cell(source, metadata={"tags": list(tags)})


def text(*cells) -> str:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return str(nbformat.writes(new_notebook(cells=list(cells), metadata={"kernelspec": kernel})))


RUNS = code("import os; os.mkdir('ran')")
GOOD = json.loads(text(code("dataset = 1", "parameters"), RUNS))

NOTEBOOKS: dict[str, str | bytes] = {
    "no cells": json.dumps({key: value for key, value in GOOD.items() if key != "cells"}),
    "a cell without a kind": json.dumps(GOOD | {"cells": [{"source": "1"}]}),
    "a format to come": json.dumps(GOOD | {"nbformat": 99}),
    "parameters in words": text(new_markdown_cell("dataset = 1", metadata={"tags": ["parameters"]}), RUNS),
    "another parameter": text(code("datasets = 1", "parameters"), RUNS),
    "not UTF-8": b"\xff\xfe\x00",
}


def test_what_is_no_notebook_is_refused_before_anything_runs(bare, capsys):
    path = bare / "notebooks/made.ipynb"
    path.parent.mkdir()
    for content in NOTEBOOKS.values():
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with untouched(bare):
            found = samo(capsys, "run", "made", "--name", "made-one", "-p", "dataset=multimnist")
        refused(found, str(path))
    path.write_text(json.dumps(GOOD))
    for words in (("../secret", "--name", "one"), ("made", "--name", "../../one"), ("gone", "--name", "one")):
        with untouched(bare.parent):
            refused(samo(capsys, "run", *words), "samo: ")
    for pair in ("rho", "os.mkdir('ran')=1"):
        with untouched(bare.parent):
            refused(samo(capsys, "run", "made", "--name", "one", "-p", pair), lines=6)
    assert not (bare / "ran").exists()
