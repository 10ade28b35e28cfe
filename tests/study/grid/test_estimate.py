from unittest.mock import Mock

import pytest
from typer.testing import CliRunner

from samo.analysis.parts import loading
from samo.study import config
from samo.study.cli import app
from samo.study.grid import estimate
from samo.study.grid.display import duration
from samo.study.grid.estimate import OVERHEAD, Unit, condition_seconds, measure
from tests.study.made_study import ROOT

SCENES = """  scenes:
    data: {train: 40, val: 8, test: 8, height: 16, width: 16, seed: 0}
    training: {network: segnet, widths: [4, 8], batch: 4, evaluations: 3, conflict_batches: 0}
    updates: [30]
    search: {updates: [20], extend: 0}
"""
CELEBA = "  celeba:\n    data: {%s}\n    training: {batch: 2}\n"
SMALL = (ROOT / "profiles/smoke.yaml").read_text().replace("  datasets: [multimnist]", "  datasets: []")
TEXT = SMALL.replace("seeds: [0]", "seeds: null").replace("updates: [20]", "updates: null")
START, END = TEXT.index("  multimnist:"), TEXT.index("methods:")


def parsed(blocks):
    return config.parse(TEXT[:START] + blocks + TEXT[END:])


PARAMS = parsed(SCENES)
UNIT = Unit(tasks=3, weights=100, step=0.5, look=0.01, stored=1.0)


def test_a_condition_is_reckoned_from_its_trials_seeds_updates_and_passes():
    def found(method, params=PARAMS):
        return condition_seconds(params, "scenes", method, UNIT) - OVERHEAD

    # LS: two trials of 20 updates that look at the validation split, two seeds of 30 that look three times at both.
    trials, finals = 2 * (20 * 0.5 + 8 * 0.01), 2 * (30 * 0.5 + 3 * 16 * 0.01)
    assert found("ls") == pytest.approx(trials + finals)
    assert found("stl") == pytest.approx(3 * (trials + finals))  # three networks
    # SAMO under LS, K = 3: 3 passes for g_0, 6 probes, 3 points with a backward pass each.
    samo = 2 * (20 * 0.5 * 6 + 8 * 0.01) + 2 * (30 * 0.5 * 6 + 3 * 16 * 0.01)
    assert found("samo-ls") == pytest.approx(samo)
    # In two seeds with 3 evaluations, 4 looks with a forward and three backward passes, where a step takes three.
    looking = parsed(SCENES.replace("conflict_batches: 0", "conflict_batches: 4"))
    assert [found(m, looking) - found(m) for m in ("ls", "samo-ls")] == pytest.approx([2 * 3 * 4 * 0.5 * 7 / 3] * 2)
    assert found("stl", looking) == found("stl")


def test_a_step_of_one_process_is_measured_on_a_small_sample(tmp_path, monkeypatch):
    timing = Mock(wraps=loading.measure)
    monkeypatch.setattr(loading, "measure", timing)
    unit = measure(tmp_path, PARAMS, "scenes", lambda _: None)
    assert unit.tasks == 3
    assert min(unit.step, unit.look) > 0
    assert unit.weights > 1000
    assert 16 * 16 * 3 < unit.stored < 16 * 16 * 40
    two = config.parse((TEXT[:START] + SCENES + TEXT[END:]).replace("threads: 1", "processes: 2"))
    measure(tmp_path, two, "scenes", lambda _: None)
    assert {call.args[1].batch for call in timing.call_args_list} == {4, 2}


def test_the_command_makes_the_profile_active_and_prints_a_table_and_what_is_missing(tmp_path, monkeypatch):
    (tmp_path / "profiles").mkdir()
    missing = CELEBA % "side: 32"
    (tmp_path / "profiles/small.yaml").write_text(TEXT[:START] + SCENES + missing + TEXT[END:])
    (tmp_path / "profiles/given.yaml").write_text(TEXT[:START] + CELEBA % "train: 4, val: 4, test: 4" + TEXT[END:])
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("SAMO_DATA", str(tmp_path / "nowhere"))
    looked = CliRunner().invoke(app, ["profile", "small", "--dry-run"])
    assert looked.exit_code == 0, looked.output
    assert not (tmp_path / "params.yaml").exists()
    no_estimate = "celeba: no estimate: data.train, data.val, data.test"
    assert all(words in looked.output for words in ("scenes", "LS step", "together: 4 conditions", no_estimate))
    unit = estimate.recall(tmp_path, PARAMS)["scenes"]
    seconds = sum(condition_seconds(PARAMS, "scenes", m, unit) for m in PARAMS.methods) / 2
    assert f"about {duration(seconds)}, " in looked.output
    told = CliRunner().invoke(app, ["profile", "given"]).output
    assert "params.yaml is now profiles/given.yaml" in told
    assert "mmlab.ie.cuhk.edu.hk" in told
    assert f"{tmp_path}/nowhere/celeba: no such folder" in told
    assert "given  (active)" in CliRunner().invoke(app, ["profile"]).output


SMOKE = config.load(ROOT / "profiles/smoke.yaml")


def test_expected_seconds_follow_from_measured_steps_else_from_the_count_of_passes(tmp_path):
    weight = estimate.weights(tmp_path, SMOKE)
    own = {name: weight(f"train@multimnist-{name}") - OVERHEAD for name in ("ls", "stl", "samo-ls")}
    # 3 trials of 10 updates at most, and 2 seeds of 10 and of 20; two networks; SAMO: 3 passes for g_0, 4 for the
    # estimates, 2 perturbed points with a backward pass each, where LS has 3; looks at mini-batches beside it.
    updates = 3 * 10 + 2 * 30
    assert own["stl"] == pytest.approx(2 * updates * estimate.STEP)
    assert own["samo-ls"] - own["ls"] == pytest.approx(updates * (13 / 3 - 1) * estimate.STEP)
    assert own["ls"] > updates * estimate.STEP
    assert weight("tables") == estimate.USUAL["tables"]
    assert weight("analyse@multimnist-probe") == estimate.USUAL["analyse"]
    unit = UNIT._replace(tasks=2)
    estimate.remember(tmp_path, SMOKE, {"multimnist": unit})
    estimate.note(tmp_path, {"tables": 71.04, "train@multimnist-ls": 5.0})
    weight = estimate.weights(tmp_path, SMOKE)
    assert weight("train@multimnist-ls") == condition_seconds(SMOKE, "multimnist", "ls", unit)
    assert weight("tables") == 71.0  # what it took the last time


def test_a_step_measured_under_other_settings_counts_for_nothing(tmp_path):
    estimate.remember(tmp_path, SMOKE, {"multimnist": UNIT})
    text = (ROOT / "profiles/smoke.yaml").read_text()
    assert estimate.recall(tmp_path, config.parse(text.replace("batch: 32", "batch: 16"))) == {}
    assert estimate.recall(tmp_path, config.parse(text.replace("threads: 1", "processes: 2"))) == {}
    assert estimate.recall(tmp_path, config.parse(text.replace("seeds: [0, 1]", "seeds: [0]"))) == {"multimnist": UNIT}
    (tmp_path / estimate.KNOWN).write_text("cut")
    assert estimate.recall(tmp_path, SMOKE) == {}
