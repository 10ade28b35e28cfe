"""Results that were edited by hand, through the stage `tables` and the commands that read them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from samo.study.report import outputs
from tests.corpus.entry import refused, samo, stage, untouched
from tests.made import write_runs
from tests.study.made_study import ROOT

METHODS = ["stl", "ls", "samo-ls", "fmtl-fairgrad"]
PAIRS = [("multimnist", method) for method in METHODS]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with made results of the profile smoke."""
    root = tmp_path_factory.mktemp("made")
    (root / "dvc.yaml").write_text("stages: {}\n")
    params = (ROOT / "profiles/smoke.yaml").read_text()
    params = params.replace("updates: [10, 20]", "updates: [4, 20]").replace("{updates: [10]", "{updates: [4]")
    (root / "params.yaml").write_text(params)
    write_runs(root, METHODS)
    outputs.write_tables(root, PAIRS)
    return root


@pytest.fixture
def ran(made, tmp_path, monkeypatch):
    """A copy to break."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "project"))
    return Path(shutil.copytree(made, tmp_path / "project"))


def change(key: str, value: Any) -> Callable[[str], str]:
    """One place of a metrics.json, by its keys with dots between."""

    def made(text: str) -> str:
        found = at = json.loads(text)
        *outer, last = key.split(".")
        for one in outer:
            at = at[one]
        at[last] = value
        if value is None:
            del at[last]
        return json.dumps(found)

    return made


METRICS = {
    "half of it": (lambda text: text[:200], ["not JSON"]),
    "no seeds": (change("updates.4.seeds", None), ["updates.4.seeds: is missing"]),
    "text for a value": (change("updates.4.seeds.1.left.accuracy", "90"), ["updates.4.seeds.1.left.accuracy = '90'"]),
    "NaN for a value": (change("updates.4.seeds.1.left.accuracy", float("nan")), ["left.accuracy = nan", "finite"]),
    "networks of another kind": (change("networks", "apart"), ["networks = 'apart'", "'separate'"]),
    "of another cell": (change("method", "gsam-ls"), ["gsam-ls"]),
}


@pytest.mark.parametrize(("breaks", "told"), METRICS.values(), ids=METRICS)
def test_broken_metrics(ran, capsys, breaks, told):
    path = ran / "data/runs/multimnist/ls/metrics.json"
    path.write_text(breaks(path.read_text()))
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
    "an image": ("layers", lambda text: "\x89PNG\r\n\udcff\udcfe", ["no table"]),
    "a column less": ("layers", lambda text: text.replace("seed,update", "seed,age", 1), ["no column update"]),
    "text for a number": ("history", column("update", "two"), ["line 4", "update is 'two'"]),
    "half an update": ("history", column("update", "1.5"), ["line 4", "update is '1.5'"]),
    "infinity": ("history", column("value", "inf"), ["line 4: value is 'inf', not a number"]),
}


@pytest.mark.parametrize(("file", "breaks", "told"), TABLES.values(), ids=TABLES)
def test_broken_tables(ran, capsys, file, breaks, told):
    path = ran / f"data/runs/multimnist/ls/{file}.csv"
    path.write_bytes(breaks(path.read_text()).encode("utf-8", "surrogateescape"))
    with untouched(ran.parent):
        refused(stage(capsys, lambda: outputs.write_claims(ran, PAIRS, [])), str(path), *told, "dvc repro")
        if file == "history":
            refused(stage(capsys, lambda: outputs.write_tables(ran, PAIRS)), str(path), *told, "dvc repro")


def test_a_gap_for_a_value_is_a_gap(ran):
    """A loss that was not finite is written so."""
    path = ran / "data/runs/multimnist/ls/history.csv"
    path.write_text(column("value", "")(path.read_text()))
    assert "ls" in set(outputs.write_tables(ran, PAIRS)["multimnist"]["method"])


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("reports/tables/multimnist.csv", ["show", "multimnist"]),
        ("reports/tables/claims.csv", ["claims"]),
        ("data/analysis/multimnist/layers.csv", ["layers", "multimnist"]),
    ],
)
def test_what_a_command_shows_edited_by_hand(ran, capsys, file, words):
    (ran / file).parent.mkdir(parents=True, exist_ok=True)
    for content in (b"", b"a,b\n1,2\n", b"method,update,layer,position,mean,chosen\nls,1,x,0.5,far,True\n"):
        (ran / file).write_bytes(content)
        with untouched(ran.parent):
            refused(samo(capsys, *words), str(ran / file), "dvc repro")


def test_the_view_refuses_them_too(ran, capsys, monkeypatch):
    """`samo track` reads before it writes a run."""
    for name in ("mlflow_store.connect", "mlflow_store.experiment", "Record.end_interrupted", "Record.runs", "scores"):
        monkeypatch.setattr(f"samo.study.tracking.rebuild.{name}", lambda *_, **__: [])
    path = ran / "data/runs/multimnist/stl/history.csv"
    path.write_text(column("update", "two")(path.read_text()))
    with untouched(ran.parent):
        refused(samo(capsys, "track"), str(path), "line 4")
    path = ran / "data/runs/multimnist/stl/metrics.json"
    path.write_text("[]")
    with untouched(ran.parent):
        refused(samo(capsys, "track"), str(path))


@pytest.mark.parametrize("words", [("show", "nobody"), ("show", "multimnist", "nobody"), ("claims", "99")])
def test_what_there_is_not(ran, capsys, words: tuple[str, ...]):
    with untouched(ran.parent):
        refused(samo(capsys, *words), words[-1], "there are" if words[-1] != "nobody" or len(words) > 2 else "it has")
