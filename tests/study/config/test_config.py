from dataclasses import asdict

import pytest

from samo.results.method import MethodSpec
from samo.results.sensitivity import changed, defaults
from samo.results.tables import Run
from samo.study import config
from samo.study.config.conditions import conditions
from samo.study.errors import ConfigError
from tests.study.made_study import ROOT

GOOD = (ROOT / "profiles/smoke.yaml").read_text()


def faults(text):
    with pytest.raises(ConfigError) as caught:
        config.check(config.parse(text))
    return str(caught.value)


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
        ("batch: 32", "batch: 32, optimizer: {name: adam, momentum: 0.9}", ["optimizer.momentum = 0.9", "sgd only"]),
        ("    training: {", "    sede: 3\n    training: {", ["datasets.multimnist.sede: unknown key"]),
        ("    training: {", "    seeds: [1, 1]\n    training: {", ["datasets.multimnist.seeds", "each value once"]),
        (
            "    training: {",
            "    search: {lr: [1.0, 0.5]}\n    training: {",
            ["search.lr = [1.0, 0.5]", "to the highest"],
        ),
        ("    training: {", "    search: {lr: [1.0]}\n    training: {", ["datasets.multimnist.search.lr"]),
        ("    training: {", "    updates: [20, 10]\n    training: {", ["datasets.multimnist.updates", "ascending"]),
        # Budgets and the search.
        ("updates: [10, 20]", "", ["updates: is missing"]),
        ("updates: [10, 20]", "updates: [0]", ["updates.0 = 0", "greater than or equal to 1"]),
        ("seeds: [7]", "seeds: [1]", ["search.seeds has 1", "final run's on multimnist"]),
        ("trials: 2", "trials: 1", ["search.trials = 1", "greater than or equal to 2"]),
        ("alpha: null", "alpha: [0.3, 1.3]", ["search.alpha.1 = 1.3"]),
        # Arms.
        ("donor: ls", "donor: nobody", ["arms.donor = 'nobody'", "no method of multimnist outside the arms"]),
        ("donor: ls", "donor: placebo-ls", ["arms.donor = 'placebo-ls'", "outside the arms"]),
        ("preset: placebo, rho: 0.1", "preset: placebo", ["arms.methods", "placebo-ls gives no rho"]),
        ("  updates: [20]", "  updates: [10]", ["arms.updates", "multimnist's [10, 20]", "longest"]),
        ("  seeds: [0]", "  seeds: [5]", ["arms.seeds", "multimnist's [0, 1]"]),
        # Methods.
        (LS, "ls: {aggregator: lss}", ["methods.ls.aggregator = 'lss'", "mgda"]),
        (LS, "ls: {}", ["methods.ls.aggregator: is missing"]),
        (LS, "ls: {aggregator: [ls]}", ["methods.ls.aggregator", "must be a name, or a mapping with the key 'name'"]),
        (LS, "ls: {aggregator: ls, sharpness: 3}", ["ls.sharpness = 3", "with the key 'preset'"]),
        (LS, "ls: ls", ["methods.ls = 'ls'"]),
        (LS, "ls: {aggregator: ls, rho: 1}", ["methods.ls.rho: unknown key"]),
        (LS, "ls: {aggregator: ls, lr: .inf}", ["methods.ls.lr", "finite"]),
        (LS, "ls: {aggregator: ls, optimizer: nada}", ["methods.ls.optimizer.name = 'nada'", "'nadam'"]),
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
        ("null, methods: {}", "null, methods: {ls: {aggregator: mgda}}", ["more.methods.ls", "methods", "every"]),
        ("more: {datasets: [], updates: null, seeds: null, methods: {}}", "", ["more: is missing"]),
        ("samo-ls-alpha09:", "ls:", ["sensitivity.methods.ls", "methods", "every"]),
        # Training and the machine.
        ("rho: [0.02, 0.1]", "rho: [0.1, 0.02]", ["search.rho = [0.1, 0.02]", "lowest to the highest"]),
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
