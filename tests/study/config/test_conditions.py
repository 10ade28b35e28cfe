import yaml

from samo.study import config
from samo.study.config.conditions import conditions, main, variants
from samo.study.grid.pipeline import CONDITIONS
from tests.study.made_study import ROOT


def test_every_condition_has_a_name_a_stage_and_a_place_of_its_own():
    params = config.load(ROOT / "profiles/smoke.yaml")
    found = conditions(params)
    shown = ["stl", "ls", "samo-ls", "fmtl-fairgrad"]
    aside = ["samo-ls-alpha09", "placebo-ls"]
    assert [c.name for c in found] == [f"multimnist/{m}" for m in (*shown[:3], *aside, shown[3])]
    assert len({c.stage for c in found}) == len({c.runs for c in found}) == len({c.models for c in found}) == 6
    assert main(params) == [("multimnist", method) for method in shown]
    assert variants(params) == [("multimnist", method) for method in aside]
    stages = ["train-sensitivity@multimnist-samo-ls-alpha09", "train-arms@multimnist-placebo-ls"]
    assert [c.stage for c in found if c.variant] == stages


def test_every_kind_of_condition_is_a_stage_and_runs_beside_others():
    profiles = [config.load(ROOT / f"profiles/{name}.yaml") for name in ("laptop", "smoke")]
    kinds = {one.kind for params in profiles for one in conditions(params)}
    assert kinds == {"train", "train-more", "train-sensitivity", "train-arms"}
    assert kinds <= set(yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"])
    assert kinds <= set(CONDITIONS)
