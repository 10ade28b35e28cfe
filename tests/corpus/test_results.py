"""Results that were edited by hand, through the stage `tables` and the commands that read them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from samo.study.report import outputs
from samo.study.report.outputs import write_claims
from tests.corpus.entry import refused, samo, stage, untouched
from tests.made import made_history, made_layers, made_run
from tests.study.made_study import ROOT

METHODS = ("stl", "ls", "samo-ls", "fmtl-fairgrad")
PAIRS = [("multimnist", method) for method in METHODS]


@pytest.fixture
def ran(tmp_path, monkeypatch):
    """A folder with made results of the profile smoke."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "dvc.yaml").write_text("stages: {}\n")
    (root / "params.yaml").write_text((ROOT / "profiles/smoke.yaml").read_text())
    for method in METHODS:
        folder = root / "data/runs/multimnist" / method
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text(json.dumps(made_run(method)))
        made_history(method).to_csv(folder / "history.csv", index=False)
        made_layers().to_csv(folder / "layers.csv", index=False)
    monkeypatch.setenv("DVC_ROOT", str(root))
    outputs.write_tables(root, PAIRS)
    return root


def change(key: str, value: Any) -> Callable[[str], str]:
    """One place of a metrics.json, by its keys with dots between."""

    def made(text: str) -> str:
        found = json.loads(text)
        at, keys = found, key.split(".")
        for one in keys[:-1]:
            at = at[int(one)] if isinstance(at, list) else at[one]
        if value is None:
            del at[keys[-1]]
        else:
            at[int(keys[-1]) if isinstance(at, list) else keys[-1]] = value
        return json.dumps(found)

    return made


METRICS = {
    "half of it": (lambda text: text[:200], ["not JSON"]),
    "no seeds": (change("seeds", None), ["seeds: is missing"]),
    "a seed that is no number": (change("seeds.first", {"left": {"accuracy": 1.0}}), ["seeds.first"]),
    "text for a value": (change("seeds.1.left.accuracy", "90"), ["seeds.1.left.accuracy = '90'"]),
    "NaN for a value": (change("seeds.1.left.accuracy", float("nan")), ["seeds.1.left.accuracy = nan", "finite"]),
    "of another cell": (change("method", "gsam-ls"), ["gsam-ls"]),
}


def test_broken_metrics(ran, capsys):
    path = ran / "data/runs/multimnist/ls/metrics.json"
    good = path.read_text()
    for breaks, told in METRICS.values():
        path.write_text(breaks(good))
        with untouched(ran.parent):
            refused(stage(capsys, lambda: outputs.write_tables(ran, PAIRS)), str(path), *told, "dvc repro")
            refused(samo(capsys, "show", "multimnist", "ls"), str(path), *told, "dvc repro")


def column(name: str, value: str, line: int = 4) -> Callable[[str], str]:
    """One field of a CSV file; the header is line 1."""

    def made(text: str) -> str:
        rows = [row.split(",") for row in text.splitlines()]
        rows[line - 1][rows[0].index(name)] = value
        return "\n".join(",".join(row) for row in rows)

    return made


TABLES = {
    "an image": (lambda text: "\x89PNG\r\n\udcff\udcfe", ["no table"]),
    "a column less": (lambda text: text.replace("seed,epoch", "seed,age", 1), ["no column epoch"]),
    "text for a number": (column("epoch", "two"), ["line 4", "epoch is 'two'"]),
}


def test_broken_tables(ran, capsys):
    for file in ("history.csv", "layers.csv"):
        path = ran / "data/runs/multimnist/ls" / file
        good = path.read_text()
        for breaks, told in TABLES.values():
            path.write_bytes(breaks(good).encode("utf-8", "surrogateescape"))
            with untouched(ran.parent):
                refused(stage(capsys, lambda: write_claims(ran, PAIRS, [])), str(path), *told, "dvc repro")
        path.write_text(good)


def test_values_that_are_none_and_gaps(ran, capsys):
    """A loss that was not finite is written as a gap."""
    path = ran / "data/runs/multimnist/ls/history.csv"
    good = path.read_text()
    for text in ("high", "inf"):
        path.write_text(column("value", text)(good))
        with untouched(ran.parent):
            told = stage(capsys, lambda: outputs.write_tables(ran, PAIRS))
        refused(told, f"{path}, line 4: value is {text!r}, not a number")
    path.write_text(column("value", "")(good))
    assert "ls" in set(outputs.write_tables(ran, PAIRS)["multimnist"]["method"])


def test_tables_edited_by_hand_and_what_there_is_not(ran, capsys):
    layers = ran / "data/analysis/multimnist/layers.csv"
    layers.parent.mkdir(parents=True)
    for path, *words in (
        (ran / "reports/tables/multimnist.csv", "show", "multimnist"),
        (ran / "reports/tables/claims.csv", "claims"),
        (layers, "layers", "multimnist"),
    ):
        for content in (b"", b"a,b\n1,2\n", b"\xff\xfe\n"):
            good = path.read_bytes() if path.exists() else b""
            path.write_bytes(content)
            with untouched(ran.parent):
                refused(samo(capsys, *words), str(path), "dvc repro")
            path.write_bytes(good)
    for words in (["show", "nobody"], ["show", "multimnist", "nobody"]):
        with untouched(ran.parent):
            refused(samo(capsys, *words), "nobody")


def test_the_view_refuses_them_too(ran, capsys, monkeypatch):
    """`samo track` reads before it writes a run."""
    for name in ("mlflow_store.connect", "mlflow_store.experiment", "record.end_interrupted", "_runs", "scores"):
        monkeypatch.setattr(f"samo.study.tracking.rebuild.{name}", lambda *_, **__: [])
    for file, content, told in (
        ("history.csv", column("epoch", "two"), "line 4"),
        ("metrics.json", lambda _: "[]", ""),
    ):
        path = ran / "data/runs/multimnist/stl" / file
        path.write_text(content(path.read_text()))
        with untouched(ran.parent):
            refused(samo(capsys, "track"), str(path), told)
