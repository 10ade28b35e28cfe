from samo.study import config
from samo.study.cells import cells, weight
from tests.study.made_study import ROOT

PARAMS = config.load(ROOT / "profiles/smoke.yaml")


def test_every_cell_has_a_name_a_stage_and_a_place_of_its_own():
    found = cells(PARAMS)
    assert [c.name for c in found] == [f"multimnist/{m}" for m in ("stl", "ls", "samo-ls", "fmtl-fairgrad")]
    assert len({c.stage for c in found}) == len({c.runs for c in found}) == len({c.models for c in found}) == 4


def test_work_is_told_by_trials_seeds_epochs_and_passes():
    # LS: 2 trials of 1 epoch and 2 seeds of 2 epochs, 3 passes a step.
    assert weight(PARAMS, "train@multimnist-ls") == (2 * 1 + 2 * 2) * 3
    assert weight(PARAMS, "train@multimnist-stl") == 2 * weight(PARAMS, "train@multimnist-ls")
    # SAMO: 3 trials; 3 passes for g_0, 4 probes, 2 perturbed points with a backward pass each.
    assert weight(PARAMS, "train@multimnist-samo-ls") == (3 * 1 + 2 * 2) * (3 + 4 + 2 * 3)
    assert weight(PARAMS, "tables") < weight(PARAMS, "train@multimnist-ls")
