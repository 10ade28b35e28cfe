from dataclasses import asdict
from pathlib import Path

import pytest

from samo.results.method import MethodSpec
from samo.results.sensitivity import changed, defaults
from samo.results.tables import Run
from samo.study import config
from samo.study.config.conditions import conditions
from samo.study.errors import ConfigError

ROOT = Path(__file__).parents[3]
GOOD = (ROOT / "profiles/smoke.yaml").read_text()
NOTHING = {"chosen": {"rho": None}}


def faults(text):
    with pytest.raises(ConfigError) as caught:
        config.check(config.parse(text))
    return str(caught.value)


@pytest.mark.parametrize("path", [*ROOT.glob("profiles/*.yaml"), ROOT / "params.yaml"], ids=lambda p: p.name)
def test_every_shipped_profile_is_sound(path):
    params = config.load(path)
    everywhere = {f"train@{d}-{m}" for d in params.datasets for m in params.methods}
    some = {f"train-more@{d}-{m}" for d in params.more.datasets for m in params.more.methods}
    varied = {f"train-sensitivity@{d}-{m}" for d in params.sensitivity.datasets for m in params.sensitivity.methods}
    stages = [one.stage for one in conditions(params)]
    assert set(stages) == everywhere | some | varied
    assert len(stages) == len(everywhere) + len(some) + len(varied)


@pytest.mark.parametrize("path", [*ROOT.glob("profiles/*.yaml")], ids=lambda p: p.name)
def test_every_variant_of_a_shipped_profile_changes_one_setting_of_a_method_of_the_table(path):
    params = config.load(path)
    for name in params.datasets:
        specs = {m: MethodSpec.of_block(m, block, variant=False) for m, block in params.methods_on(name).items()}
        runs: dict[str, Run | None] = {m: asdict(spec) | {"search": NOTHING} for m, spec in specs.items()}
        known = defaults({method: runs[method] for method in params.main_on(name)})
        for method in runs.keys() - params.main_on(name).keys():
            run, default = runs[method], runs[known[specs[method].family]]
            assert run is not None
            assert default is not None
            assert len(changed(run, default)) == 1, f"{name}/{method}"


LS = "ls: {aggregator: ls}"


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        # Seeds, names and keys.
        ("seeds: [0, 1]", "seeds: [0, 0]", ["seeds = [0, 0]", "once"]),
        ("seeds: [0, 1]", "seeds: [0, -1]", ["seeds.1 = -1", "greater than or equal to 0"]),
        ("seeds: [0, 1]", "seeds: [0, 1.5]", ["seeds.1 = 1.5", "integer"]),
        ("seeds: [0, 1]", "", ["seeds: is missing"]),
        ("seeds: [0, 1]", "seeds: [0, 1]\nsede: 3", ["sede: unknown key"]),
        (LS, "Ls!: {aggregator: ls}", ["methods.Ls! = 'Ls!'", "pattern"]),
        (LS, "1: {aggregator: ls}", ["methods.1: a key must be text"]),
        ("multimnist:\n", "multimnits:\n", ["multimnits", "allowed are brown"]),
        # Datasets.
        ("train: 320", "train: 0", ["datasets.multimnist.data.train = 0", "greater than or equal to 1"]),
        ("train: 320", 'train: "320"', ["datasets.multimnist.data.train = '320'", "integer"]),
        ("train: 320", "train: true", ["datasets.multimnist.data.train = True"]),
        ("train: 320", "train: 99999999999999", ["datasets.multimnist.data.train", "less than or equal to"]),
        ("jitter: 2", "giter: 2", ["datasets.multimnist.data.giter: unknown key"]),
        ("network: lenet", "network: letnet", ["training.network = 'letnet'", "'lenet'"]),
        ("batch: 32", "batch: 32, momentum: 0.9", ["multimnist.training.momentum = 0.9", "sgd only"]),
        ("    training: {", "    sede: 3\n    training: {", ["datasets.multimnist.sede: unknown key"]),
        ("    training: {", "    seeds: [1, 1]\n    training: {", ["datasets.multimnist.seeds", "each value once"]),
        ("    training: {", "    search: {lr: [1]}\n    training: {", ["datasets.multimnist.search.rho: is missing"]),
        # Methods.
        (LS, "ls: {aggregator: lss}", ["methods.ls.aggregator = 'lss'", "mgda"]),
        (LS, "ls: {}", ["methods.ls.aggregator: is missing"]),
        (LS, "ls: {aggregator: [ls]}", ["methods.ls.aggregator", "must be a name, or a mapping with the key 'name'"]),
        (LS, "ls: {aggregator: ls, sharpness: 3}", ["ls.sharpness = 3", "with the key 'preset'"]),
        (LS, "ls: ls", ["methods.ls = 'ls'"]),
        (LS, "ls: {aggregator: ls, rho: 1}", ["methods.ls.rho: unknown key"]),
        (LS, "ls: {aggregator: ls, lr: .inf}", ["methods.ls.lr", "finite"]),
        ("name: fairgrad, alpha: 1.0", "name: fairgrad, alfa: 1.0", ["fmtl-fairgrad.aggregator", "alfa", "alpha"]),
        ("alpha: 1.0}, sharpness", "alpha: much}, sharpness", ["fmtl-fairgrad.aggregator.alpha = 'much'", "number"]),
        ("alpha: 1.0}, sharpness", "alpha: true}, sharpness", ["fmtl-fairgrad.aggregator.alpha = True", "number"]),
        ("preset: samo", "preset: sam0", ["methods.samo-ls.sharpness", "sam0", "samo"]),
        ("alpha: 0.3", "alpha: 1.3", ["methods.samo-ls.sharpness", "alpha", "1.3", "[0, 1]"]),
        ("alpha: 0.3", "mu: .inf", ["samo-ls.sharpness.mu = inf", "finite"]),
        ("alpha: 0.3", "adaptive: 1", ["samo-ls.sharpness.adaptive = 1", "boolean"]),
        ("alpha: 0.3", "scope: [joint]", ["samo-ls.sharpness.scope = ['joint']", "'joint'"]),
        ("alpha: 0.3", "layers: [first, 0.5]", ["methods.samo-ls.sharpness", "layers", "0.5"]),
        ("alpha: 0.3", "layers: {multimnist: ['@chosen.json']}", ["samo-ls.sharpness", "DVC", "samo layers"]),
        ("alpha: 0.3", "layers: {qm9: first}", ["samo-ls", "layers has qm9", "multimnist"]),
        ("networks: separate", "networks: apart", ["methods.stl.networks = 'apart'", "'separate'"]),
        # Methods for some datasets.
        ("more: {datasets: []", "more: {datasets: [qm9]", ["more.datasets", "'qm9'", "multimnist"]),
        ("methods: {}", "methods: {ls: {aggregator: mgda}}", ["more.methods.ls", "methods", "every"]),
        ("more: {datasets: [], methods: {}}", "", ["more: is missing"]),
        ("samo-ls-alpha09:", "ls:", ["sensitivity.methods.ls", "methods", "every"]),
        # Training and the machine.
        ("rho: [0.02, 0.1]", "rho: [0.1, 0.02]", ["train.search.rho", "ascending"]),
        ("lr: [0.003, 0.01]", "lr: []", ["train.search.lr"]),
        ("threads: 1", "processes: 3", ["datasets.multimnist.training.batch = 32", "divide by train.processes = 3"]),
        ("device: cpu", "processes: 2\n  device: 'cuda:1'", ["train.processes = 2", "auto, cuda or cpu", "cuda:1"]),
        ("device: cpu", "device: gpu", ["train.device = 'gpu'", "no kind of device"]),
        ("toys:", "cluster: {gpus: 1.5}\ntoys:", ["cluster.gpus = 1.5", "whole"]),
        # Analyses, which only `check` looks at.
        ("cost: {repeats: 2}", "cost: {repeats: 0}", ["analyses.cost.repeats = 0"]),
        ("cost: {repeats: 2}", "cost: {repeat: 2}", ["analyses.cost.repeat: unknown key"]),
        ("curvature: {", "curvature: {own: {scene: {}}, ", ["analyses.curvature.own", "'scene'", "scenes"]),
        ("conflict: {}", "conflicts: {}", ["conflicts", "conflict, cost, curvature, landscape, layers, probe"]),
        ("quadratics: {steps: 3", "quadratics: {steps: 0", ["toys.quadratics.steps = 0"]),
        # Text that is no plain YAML: tests/corpus/test_params.py.
        ("seeds: [0, 1]", "seeds: [0, 1", ["line"]),
    ],
)
def test_a_fault_is_told_with_its_key_its_value_and_what_is_allowed(good, bad, told):
    assert good in GOOD
    message = faults(GOOD.replace(good, bad, 1))
    assert message.startswith("params.yaml: ")
    assert len(message.splitlines()) == 1
    for part in told:
        assert part in message


def test_every_fault_is_told_at_once():
    text = GOOD.replace("seeds: [0, 1]", "seeds: []").replace("threads: 1", "threads: 0")
    assert len(faults(text).splitlines()) == 2


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match="profiles"):
        config.load(tmp_path / "params.yaml")


TWO = GOOD.replace(
    "datasets:\n",
    """datasets:
  scenes:
    data: {train: 8, val: 4, test: 4, height: 32, width: 32, seed: 0}
    training: {network: segnet, widths: [4, 8], batch: 4, epochs: 1, search_epochs: 1}
    seeds: [7]
    search: {lr: [0.5], rho: [0.25]}
""",
).replace(
    "more: {datasets: [], methods: {}}",
    "more: {datasets: [multimnist], methods: {gsam-ls: {aggregator: ls, sharpness: gsam}}}",
)


def test_a_dataset_may_have_methods_seeds_and_grids_of_its_own():
    params = config.parse(TWO)
    shown = ["stl", "ls", "samo-ls", "gsam-ls", "fmtl-fairgrad"]
    assert list(params.main_on("multimnist")) == shown
    assert list(params.methods_on("multimnist")) == [*shown[:4], "samo-ls-alpha09", shown[4]]
    assert list(params.methods_on("scenes")) == list(params.main_on("scenes")) == ["stl", "ls", "samo-ls", shown[4]]
    assert (params.seeds_on("multimnist"), params.seeds_on("scenes")) == ([0, 1], [7])
    samo = params.methods["samo-ls"]
    assert config.grids(params, "multimnist", samo) == {"lr": [0.003, 0.01], "rho": [0.02, 0.1]}
    assert config.grids(params, "scenes", samo) == {"lr": [0.5], "rho": [0.25]}


def test_alpha_is_searched_where_the_grid_has_it_and_a_method_has_two_parts():
    grid = "search: {lr: [0.5], rho: [1], alpha: [0.3, 0.7]}"
    params = config.parse(TWO.replace("search: {lr: [0.5], rho: [0.25]}", grid).replace("alpha: 0.3", "mu: 0.1"))
    grids = {name: config.grids(params, "scenes", m) for name, m in params.methods_on("scenes").items()}
    assert grids["samo-ls"] == {"lr": [0.5], "rho": [1.0], "alpha": [0.3, 0.7]}
    assert "alpha" not in {*grids["ls"], *grids["fmtl-fairgrad"]}
    assert "alpha" not in config.grids(params, "scenes", params.methods_on("multimnist")["gsam-ls"])
    given = params.methods_on("multimnist")["samo-ls-alpha09"]
    assert config.grids(params, "scenes", given) == {"lr": [0.5], "rho": [1.0]}


def test_layers_may_be_named_for_each_dataset():
    params = config.parse(TWO.replace("alpha: 0.3", "layers: {multimnist: [first, 0.weight], scenes: 'random:3'}"))
    fields = {name: params.methods_on(name)["samo-ls"].preset_fields for name in params.datasets}
    assert fields == {"scenes": {"layers": "random:3"}, "multimnist": {"layers": ["first", "0.weight"]}}
    assert params.methods_on("scenes")["samo-ls"].preset_name == "samo"
    common = config.parse(TWO.replace("alpha: 0.3", "layers: last"))
    assert common.methods_on("scenes")["samo-ls"] == common.methods["samo-ls"]
