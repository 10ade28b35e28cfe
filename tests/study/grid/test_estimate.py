import pytest
from typer.testing import CliRunner

from samo.study import config
from samo.study.cli import app
from samo.study.grid import work
from samo.study.grid.estimate import OVERHEAD, Estimate, Unit, condition_seconds, estimate, measure
from tests.study.made_study import ROOT

SCENES = """  scenes:
    data: {train: 40, val: 8, test: 8, height: 16, width: 16, seed: 0}
    training: {network: segnet, widths: [4, 8], batch: 4, evaluations: 3}
    updates: [30]
    search: {updates: [20], extend: 0}
"""
SMALL = (ROOT / "profiles/smoke.yaml").read_text().replace("  datasets: [multimnist]", "  datasets: []")
TEXT = SMALL.replace("seeds: [0]", "seeds: null").replace("updates: [20]", "updates: null")
START, END = TEXT.index("  multimnist:"), TEXT.index("methods:")
PARAMS = config.parse(TEXT[:START] + SCENES + TEXT[END:])


def test_a_cell_is_reckoned_from_its_trials_seeds_epochs_and_passes():
    unit = Unit(tasks=3, weights=100, step=0.5, look=0.01, stored=1)
    # LS: two trials of 20 updates that look at the validation split, two seeds of 30 that look three times at both.
    trials, finals = 2 * (20 * 0.5 + 8 * 0.01), 2 * (30 * 0.5 + 3 * 16 * 0.01)
    assert condition_seconds(PARAMS, "scenes", "ls", unit) == pytest.approx(trials + finals)
    # Single-task training: three networks.
    separate = condition_seconds(PARAMS, "scenes", "stl", unit)
    assert separate == pytest.approx(3 * (trials + finals))
    # SAMO under LS, K = 3: 3 passes for g_0, 6 probes, 3 points with a backward pass each.
    samo = 2 * (20 * 0.5 * 6 + 8 * 0.01) + 2 * (30 * 0.5 * 6 + 3 * 16 * 0.01)
    assert condition_seconds(PARAMS, "scenes", "samo-ls", unit) == pytest.approx(samo)


def test_looks_at_mini_batches_are_reckoned_where_tasks_share_a_trunk():
    params = config.parse(TEXT[:START] + SCENES.replace("batch: 4,", "batch: 4, conflict_batches: 4,") + TEXT[END:])
    unit = Unit(tasks=3, weights=100, step=0.5, look=0.01, stored=1)

    def more(method: str) -> float:
        with_, without = (condition_seconds(p, "scenes", method, unit) for p in (params, PARAMS))
        return with_ - without

    # In two seeds with 3 evaluations, 4 looks with a forward and three backward passes, where a step takes three.
    assert [more("ls"), more("samo-ls")] == pytest.approx([2 * 3 * 4 * 0.5 * 7 / 3] * 2)
    assert more("stl") == 0


def test_a_step_is_measured_on_a_small_sample(tmp_path):
    unit = measure(PARAMS, "scenes", tmp_path)
    assert unit.tasks == 3
    assert unit.step > 0
    assert unit.look > 0
    assert unit.weights > 1000
    assert 16 * 16 * 3 < unit.stored < 16 * 16 * 40


def test_of_several_processes_one_s_share_of_a_batch_is_timed(tmp_path, monkeypatch):
    timed: list[int] = []
    step = "samo.study.grid.estimate._step"
    monkeypatch.setattr(step, lambda _problem, training, _where: timed.append(training.batch))
    text = TEXT[:START] + SCENES + TEXT[END:]
    for processes in (1, 2):
        measure(config.parse(text.replace("threads: 1", f"processes: {processes}")), "scenes", tmp_path)
    assert timed == [4, 2]


def test_the_whole_is_the_sum_of_the_cells(tmp_path):
    found = estimate(tmp_path, PARAMS, "scenes", lambda _: None)
    assert isinstance(found, Estimate)
    assert (found.conditions, found.steps) == (4, 30)
    cells = [condition_seconds(PARAMS, "scenes", m, found.unit) + OVERHEAD for m in PARAMS.methods]
    assert found.seconds == pytest.approx(sum(cells))
    # Weights of two seeds each: three methods with one network, one with three.
    assert found.disk == pytest.approx(56 * found.unit.stored + 2 * (3 + 3) * found.unit.weights)


def test_missing_raw_data_are_named_and_nothing_is_reckoned(tmp_path, monkeypatch):
    monkeypatch.setenv("SAMO_DATA", str(tmp_path / "nowhere"))
    celeba = "  celeba:\n    data: {train: 4, val: 4, test: 4}\n    training: {batch: 2}\n"
    params = config.parse(TEXT[:START] + celeba + TEXT[END:])
    told = estimate(tmp_path, params, "celeba", lambda _: None)
    assert isinstance(told, str)
    assert "mmlab.ie.cuhk.edu.hk" in told
    assert f"{tmp_path}/nowhere/celeba: no such folder" in told


def test_how_many_there_are_must_be_said(tmp_path):
    params = config.parse(
        TEXT[:START]
        + SCENES.replace("scenes", "celeba")
        .replace("data: {train: 40, val: 8, test: 8, height: 16, width: 16, seed: 0}", "data: {side: 32}")
        .replace("network: segnet, widths: [4, 8], ", "")
        + TEXT[END:]
    )
    assert "data.train, data.val, data.test takes all" in str(estimate(tmp_path, params, "celeba", lambda _: None))


def test_the_command_makes_the_profile_active_and_prints_a_table(tmp_path, monkeypatch):
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles/small.yaml").write_text(TEXT[:START] + SCENES + TEXT[END:])
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    looked = CliRunner().invoke(app, ["profile", "small", "--dry-run"])
    assert looked.exit_code == 0
    assert not (tmp_path / "params.yaml").exists()
    for words in ("scenes", "LS step", "together: 4 conditions"):
        assert words in looked.output
    assert "params.yaml is now profiles/small.yaml" in CliRunner().invoke(app, ["profile", "small"]).output
    assert "small  (active)" in CliRunner().invoke(app, ["profile"]).output


SMOKE = config.load(ROOT / "profiles/smoke.yaml")
UNIT = Unit(tasks=2, weights=1, step=0.5, look=0.01, stored=1.0)


def test_expected_seconds_follow_from_measured_steps_else_from_the_count_of_passes(tmp_path):
    weight = work.weights(tmp_path, SMOKE)
    # LS: 3 trials of 10 updates at most, and 2 seeds of 10 and of 20, 3 passes each.
    passes = {name: (weight(f"train@multimnist-{name}") - OVERHEAD) / work.PASS for name in ("ls", "stl", "samo-ls")}
    assert passes["ls"] == pytest.approx((3 * 10 + 2 * 30) * 3)
    assert passes["stl"] == pytest.approx(2 * passes["ls"])
    # SAMO: 3 passes for g_0, 4 for the estimates, 2 perturbed points with a backward pass each.
    assert passes["samo-ls"] == pytest.approx((3 * 10 + 2 * 30) * (3 + 4 + 2 * 3))
    assert [weight(name) for name in ("tables", "analyse@multimnist-probe")] == [
        work.USUAL[k] for k in ("tables", "analyse")
    ]
    work.remember(tmp_path, SMOKE, {"multimnist": UNIT})
    work.note(tmp_path, {"tables": 71.04, "train@multimnist-ls": 5.0})
    weight = work.weights(tmp_path, SMOKE)
    seconds = condition_seconds(SMOKE, "multimnist", "ls", UNIT)
    assert weight("train@multimnist-ls") == seconds + OVERHEAD
    assert weight("tables") == 71.0  # what it took the last time


def test_a_step_measured_under_other_settings_counts_for_nothing(tmp_path):
    work.remember(tmp_path, SMOKE, {"multimnist": UNIT})
    text = (ROOT / "profiles/smoke.yaml").read_text()
    assert work.recall(tmp_path, config.parse(text.replace("batch: 32", "batch: 16"))) == {}
    assert work.recall(tmp_path, config.parse(text.replace("threads: 1", "processes: 2"))) == {}
    assert work.recall(tmp_path, config.parse(text.replace("seeds: [0, 1]", "seeds: [0]"))) == {"multimnist": UNIT}
    for broken in ("", "[]", '{"multimnist": 3}', '{"multimnist": {"of": "x"}}'):
        (tmp_path / work.UNITS).write_text(broken)
        assert work.recall(tmp_path, SMOKE) == {}
