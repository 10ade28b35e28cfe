from samo.study import config
from samo.study.cells import cells
from tests.study.made_study import ROOT

PARAMS = config.load(ROOT / "profiles/smoke.yaml")


def test_every_cell_has_a_name_a_stage_and_a_place_of_its_own():
    found = cells(PARAMS)
    assert [c.name for c in found] == [f"multimnist/{m}" for m in ("stl", "ls", "samo-ls", "fmtl-fairgrad")]
    assert len({c.stage for c in found}) == len({c.runs for c in found}) == len({c.models for c in found}) == 4
