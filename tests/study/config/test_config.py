from dataclasses import asdict

import pytest
import yaml

from samo.results.method import MethodSpec
from samo.results.sensitivity import changed, defaults
from samo.results.tables import Run
from samo.study import config
from samo.study.config.conditions import conditions, main, variants
from samo.study.grid.pipeline import CONDITIONS
from tests.study.made_study import ROOT

GOOD = (ROOT / "profiles/smoke.yaml").read_text()


@pytest.mark.parametrize("path", [*ROOT.glob("profiles/*.yaml"), ROOT / "params.yaml"], ids=lambda p: p.name)
def test_every_shipped_profile_is_sound(path):
    params = config.load(path)
    everywhere = {f"train@{d}-{m}" for d in params.datasets for m in params.methods}
    some = {f"train-{name}@{d}-{m}" for name, tier in params.tiers.items() for d in tier.datasets for m in tier.methods}
    stages = [one.stage for one in conditions(params)]
    assert set(stages) == everywhere | some
    assert len(stages) == len(everywhere) + len(some)


@pytest.mark.parametrize("path", [*ROOT.glob("profiles/*.yaml")], ids=lambda p: p.name)
def test_every_variant_of_a_shipped_profile_changes_one_setting_of_a_method_of_the_table(path):
    params = config.load(path)
    for name in params.datasets:
        specs = {m: MethodSpec.of_run(m, block.made_of) for m, block in params.methods_on(name).items()}
        searched = {"search": {"chosen": {"rho": None}}}
        runs: dict[str, Run | None] = {m: asdict(spec) | searched for m, spec in specs.items()}
        known = defaults({method: runs[method] for method in params.main_on(name)})
        for method in params.sensitivity.methods.keys() & runs.keys():
            run, default = runs[method], runs[known[specs[method].family]]
            assert run is not None
            assert default is not None
            assert len(changed(run, default)) == 1, f"{name}/{method}"


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


TWO = GOOD.replace(
    "datasets:\n",
    """datasets:
  scenes:
    data: {train: 8, val: 4, test: 4, height: 32, width: 32, seed: 0}
    training: {network: segnet, widths: [4, 8], batch: 4}
    seeds: [5]
    updates: [30]
    search: {lr: 0.5, rho: [0.25, 0.5]}
""",
).replace(
    "more: {datasets: [], updates: null, seeds: null, methods: {}}",
    "more: {datasets: [multimnist], updates: [20], methods: {gsam-ls: {aggregator: ls, sharpness: gsam}}}",
)


def test_a_dataset_may_have_methods_seeds_budgets_and_a_search_of_its_own():
    params = config.parse(TWO)
    shown = ["stl", "ls", "samo-ls", "gsam-ls", "fmtl-fairgrad"]
    assert list(params.main_on("multimnist")) == shown
    assert list(params.methods_on("multimnist")) == [*shown[:4], "samo-ls-alpha09", "placebo-ls", shown[4]]
    assert list(params.methods_on("scenes")) == list(params.main_on("scenes")) == ["stl", "ls", "samo-ls", shown[4]]
    assert (params.seeds_on("multimnist"), params.seeds_on("scenes")) == ([0, 1], [5])
    assert (params.updates_on("multimnist", "ls"), params.updates_on("scenes", "ls")) == ([10, 20], [30])
    assert params.updates_on("multimnist", "gsam-ls") == params.updates_on("multimnist", "placebo-ls") == [20]
    assert (params.seeds_on("multimnist", "gsam-ls"), params.seeds_on("multimnist", "placebo-ls")) == ([0, 1], [0])
    own = params.datasets["scenes"].search
    assert (own.lr, own.rho, own.trials, own.seeds) == ([0.5, 0.5], [0.25, 0.5], 2, [7])


def test_what_a_condition_trains_is_planned():
    """Two trials and one more at an edge, at ten updates; then two seeds at each budget."""
    params = config.parse(TWO)
    found = config.plan(params, "multimnist", "samo-ls")
    assert (found.given, found.ranges) == ({}, {"lr": (0.003, 0.01), "rho": (0.02, 0.1)})
    assert (found.budgets, found.trials, sorted(found.finals)) == ([10], [10] * 3, [10, 10, 20, 20])
    assert list(config.plan(params, "multimnist", "ls").ranges) == ["lr"]
    own = config.plan(params, "scenes", "samo-ls")
    assert (own.given, own.ranges, own.finals) == ({"lr": 0.5}, {"rho": (0.25, 0.5)}, [30])
    assert config.plan(params, "scenes", "fmtl-fairgrad")[:4] == ({"lr": 0.5, "rho": 0.1}, {}, [10], [])
    assert config.plan(params, "multimnist", "placebo-ls") == ({"rho": 0.1}, {}, [10], [], [20])


def test_alpha_is_searched_where_there_is_a_range_and_a_method_has_two_parts():
    params = config.parse(TWO.replace("alpha: null", "alpha: [0.3, 0.7]").replace("alpha: 0.3}}", "mu: 0.1}}"))
    ranges = {m: config.plan(params, "multimnist", m).ranges for m in params.methods_on("multimnist")}
    assert [name for name, own in ranges.items() if "alpha" in own] == ["samo-ls"]
    assert ranges["samo-ls"]["alpha"] == (0.3, 0.7)


def test_layers_may_be_named_for_each_dataset():
    params = config.parse(TWO.replace("alpha: 0.3", "layers: {multimnist: [first, 0.weight], scenes: 'random:3'}"))
    fields = {name: params.methods_on(name)["samo-ls"].preset_fields for name in params.datasets}
    assert fields == {"scenes": {"layers": "random:3"}, "multimnist": {"layers": ["first", "0.weight"]}}
    assert params.methods_on("scenes")["samo-ls"].preset_name == "samo"
    common = config.parse(TWO.replace("alpha: 0.3", "layers: last"))
    assert common.methods_on("scenes")["samo-ls"] == common.methods["samo-ls"]
