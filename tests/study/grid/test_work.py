from samo.study import config
from samo.study.grid import work
from samo.study.grid.estimate import OVERHEAD, Unit, cell_seconds
from tests.study.made_study import ROOT

PARAMS = config.load(ROOT / "profiles/smoke.yaml")
UNIT = Unit(tasks=2, weights=1, step=0.5, look=0.01, stored=1.0)


def test_work_is_told_by_trials_seeds_epochs_and_passes(tmp_path):
    weight = work.weights(tmp_path, PARAMS)
    # LS: 2 trials of 1 epoch and 2 seeds of 2 epochs, 3 passes a step.
    assert weight("train@multimnist-ls") == (2 * 1 + 2 * 2) * 3
    assert weight("train@multimnist-stl") == 2 * weight("train@multimnist-ls")
    # SAMO: 3 trials; 3 passes for g_0, 4 probes, 2 perturbed points with a backward pass each.
    assert weight("train@multimnist-samo-ls") == (3 * 1 + 2 * 2) * (3 + 4 + 2 * 3)
    assert weight("tables") < weight("train@multimnist-ls")


def test_with_measured_steps_it_is_seconds(tmp_path):
    work.remember(tmp_path, PARAMS, {"multimnist": UNIT})
    weight = work.weights(tmp_path, PARAMS)
    seconds = cell_seconds(PARAMS, "multimnist", PARAMS.methods["ls"], UNIT)
    assert weight("train@multimnist-ls") == seconds + OVERHEAD
    assert weight("tables") == OVERHEAD


def test_a_step_measured_under_other_settings_counts_for_nothing(tmp_path):
    work.remember(tmp_path, PARAMS, {"multimnist": UNIT})
    text = (ROOT / "profiles/smoke.yaml").read_text()
    assert work.recall(tmp_path, config.parse(text.replace("batch: 32", "batch: 16"))) == {}
    assert work.recall(tmp_path, config.parse(text.replace("threads: 1", "processes: 2"))) == {}
    assert work.recall(tmp_path, config.parse(text.replace("seeds: [0, 1]", "seeds: [7]"))) == {"multimnist": UNIT}
    for broken in ("", "[]", '{"multimnist": 3}', '{"multimnist": {"of": "x"}}'):
        (tmp_path / work.UNITS).write_text(broken)
        assert work.recall(tmp_path, PARAMS) == {}
