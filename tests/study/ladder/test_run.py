"""The run in pieces, on a tiny problem: what is whole is written, the next start goes on with what is missing."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest

from samo.study import config
from samo.study.errors import ConfigError
from samo.study.ladder import assemble, rows, run
from samo.study.ladder.plan import FOLDER, read, trainings
from tests.study import made_study

PROFILE = made_study.fewer((made_study.ROOT / "profiles/smoke.yaml").read_text())
for long, short in (("[10, 20]", "[4, 8]"), ("[10]", "[4]"), ("[20]", "[8]")):
    PROFILE = PROFILE.replace(long, short)
PARAMS = config.parse(PROFILE)
PLAN = """
blocks:
  - {name: core, dataset: multimnist, methods: [ls, placebo-ls], updates: [8, 4], seeds: 2}
  - {name: rest, dataset: multimnist, methods: [ls, stl], updates: [8], seeds: 1}
"""


@pytest.fixture
def root(tmp_path, monkeypatch):
    for name, text in {"profiles/study.yaml": PROFILE, str(FOLDER / "plan.yaml"): PLAN, "src/samo/a.py": ""}.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    made_study.prepare(tmp_path / "prepared", train=24, val=20, test=40)
    monkeypatch.setattr(run, "prepared", lambda *_: tmp_path / "prepared")
    monkeypatch.setattr(run, "identity", lambda *_: "here")
    return tmp_path


def test_every_prefix_compares_pairs_and_nothing_is_planned_twice(root):
    names = [(one.method, one.updates, one.seed) for _, one in trainings(read(root, PARAMS), PARAMS)]
    arm = "placebo-ls"
    first = [("ls", 8, 0), (arm, 8, 0), ("ls", 4, 0), (arm, 4, 0)]
    assert names == [*first, *((method, n, 1) for method, n, _ in first), ("stl", 8, 0)]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("methods: [ls, stl]", "methods: [ls, mgda]", "no method mgda on multimnist"),
        ("updates: [8, 4]", "updates: [8, 5]", "no budget 5"),
        ("seeds: 2", "seeds: 3", "3 seeds, and the profile has 2"),
        ("dataset: multimnist, methods: [ls, stl]", "dataset: qm9, methods: [ls]", "no dataset qm9"),
        ("seeds: 1}", "seed: 1}", "blocks.1.seed"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused_in_a_line(root, old, new, said):
    path = root / FOLDER / "plan.yaml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ConfigError, match=said) as error:
        read(root, PARAMS)
    assert "\n" not in str(error.value)


@pytest.fixture
def make(root):
    """The run by a thread in the place of processes: trainings draw from torch's global stream, one at a time."""
    with ThreadPoolExecutor(1) as pool:
        yield lambda **how: run.make(run.Work(root), pool, workers=1, **how)


def test_a_run_in_two_pieces_reads_as_a_reference_run(root, make):
    told: list[str] = []
    assert make(hours=0.0, tell=told.append) == 0

    assert make(hours=1.0, tell=told.append) == 11  # 2 searches, 9 trainings
    found = rows.read(root)
    searches = {row["method"]: row for row in found if row["table"] == "search"}
    assert set(searches) == {"ls", "stl"}
    for row in found:
        if row.get("method") == "placebo-ls":  # an arm takes its donor's learning rate, and its own rho
            assert row["chosen"] == {"lr": searches["ls"]["chosen"]["lr"], "rho": 0.1}
        if row["table"] == "training":
            assert {"accuracy", "loss"} <= set(row["values"]["left"])
            assert ("curvature" in row) == (row["method"] != "stl")
    assert make(hours=1.0, tell=told.append) == 0

    # A lost row is made again, to the letter; one of other code, too.
    path = root / rows.FILE
    lines = path.read_text().splitlines()
    lost = next(n for n, line in enumerate(lines) if json.loads(line)["table"] == "training")
    other = max(n for n, line in enumerate(lines) if json.loads(line)["table"] == "training")
    kept = [line for n, line in enumerate(lines) if n not in (lost, other)]
    path.write_text("\n".join([*kept, lines[other].replace('"code":"here"', '"code":"gone"')]) + "\n")
    assert make(hours=1.0, tell=told.append) == 2
    assert any("1 rows are of other code" in line for line in told)
    assert sorted(path.read_text().splitlines()[-2:]) == sorted([lines[lost], lines[other]])

    whole = assemble.reference(rows.read(root), PARAMS, root / FOLDER)
    assert set(whole.runs["multimnist"]) == {"ls", "placebo-ls", "stl"}
    compared = {(method, n) for method in ("ls", "placebo-ls") for n in (4, 8)}
    there = {(method, int(n)) for (_, method), one in whole.conditions.items() for n in one["updates"]}
    assert there == compared | {("stl", 8)}
    assert whole.variants == {("multimnist", "placebo-ls")}
    assert set(whole.evidence.delta_m["multimnist"]["ls"].index) == {0, 1}
    assert len(whole.frames["curvature"]) == 4  # at the longest budget, two methods and two seeds

    run.write(root)
    written = (root / FOLDER / "summary-multimnist.md").read_text().splitlines()
    assert [line.split(" | ")[:3] for line in written[2:]] == [["| LS + placebo, rho 0.1", "3.0", "2"]]
    budgets = whole.budgets.set_index("method").loc["placebo-ls"]
    mean = budgets[budgets["updates"] == 8]["gain"].mean()
    assert f" | {mean:.2f} (".replace("-", "−") in written[2]
    assert len(re.findall(r"\d \(−?\d+\.\d\d to \d+\.\d\d\)", written[2])) == 4
    assert (root / FOLDER / "budgets.csv").exists()
    agreement = pd.read_csv(root / FOLDER / "agreement.csv")
    assert set(zip(agreement["method"], agreement["seed"], strict=True)) == {("ls", 0), ("ls", 1)}
    assert agreement["update"].max() == 8
    assert agreement["ratio"].between(0, 1).all()


def test_rows_of_code_that_makes_the_same_count(root):
    head = {"table": "training", "dataset": "multimnist", "method": "ls", "updates": 8, "processor": "any"}
    for seed, code in enumerate(("before", "other")):
        rows.append(root, head | {"seed": seed, "code": code, "chosen": {"lr": 0.01}, "values": {}, "history": []})
    assert (run.Work(root).others, len(run.Work(root).trainings)) == (2, 0)
    with (root / FOLDER / "plan.yaml").open("a") as stream:
        stream.write("same:\n  - {codes: [before, here], why: a message}\n")
    assert (run.Work(root).others, len(run.Work(root).trainings)) == (1, 1)


def test_another_processor_repeats_some_of_what_is_there(root, monkeypatch):
    head = {"dataset": "multimnist", "method": "ls", "seed": 0, "code": "here", "processor": "older"}
    for updates in (8, 4):
        row = head | {"table": "training", "updates": updates, "chosen": {"lr": 0.01}, "values": {}, "history": []}
        rows.append(root, row)
    job = run.Work(root).next()
    assert job
    assert (job.table, job.one.updates, job.chosen) == ("repeat", 4, {"lr": 0.01})
    monkeypatch.setattr(rows, "processor", lambda: "older")
    job = run.Work(root).next()
    assert job
    assert job.table != "repeat"


def test_a_line_that_is_no_row_is_named(root):
    (root / rows.FILE).write_text('{"table":"training"}\n')
    with pytest.raises(ConfigError, match="line 1: has no dataset"):
        rows.read(root)
