from pathlib import Path

import pytest

from samo.results.sensitivity import changed, defaults, kind_of
from samo.results.tables import Run
from samo.study import config
from samo.study.config.conditions import cells
from samo.study.errors import ConfigError

ROOT = Path(__file__).parents[3]
GOOD = (ROOT / "profiles/smoke.yaml").read_text()
VARIANTS = GOOD[GOOD.index("sensitivity:") : GOOD.index("train:\n")]


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
    stages = [cell.stage for cell in cells(params)]
    assert set(stages) == everywhere | some | varied
    assert len(stages) == len(everywhere) + len(some) + len(varied)


@pytest.mark.parametrize("path", [*ROOT.glob("profiles/*.yaml")], ids=lambda p: p.name)
def test_every_variant_of_a_shipped_profile_changes_one_setting_of_a_method_of_the_table(path):
    params = config.load(path)
    for name in params.datasets:
        runs: dict[str, Run | None] = {
            method: {
                "networks": block.networks,
                "aggregator": block.aggregator_name,
                "options": block.aggregator_options,
                "sharpness": block.preset_name,
                "fields": block.preset_fields,
                "search": {"chosen": {"rho": None}},
            }
            for method, block in params.methods_on(name).items()
        }
        known = defaults({method: runs[method] for method in params.main_on(name)})
        for method in runs.keys() - params.main_on(name).keys():
            run = runs[method]
            assert run is not None
            default = runs[known[kind_of(run)]]
            assert default is not None
            assert len(changed(run, default)) == 1, f"{name}/{method}"


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ("seeds: [0, 1]", "seeds: []", ["seeds"]),
        ("seeds: [0, 1]", "seeds: [0, 0]", ["seeds", "[0, 0]", "once"]),
        ("seeds: [0, 1]", "seeds: [0, -1]", ["seeds.1", "-1"]),
        ("seeds: [0, 1]", "seeds: [0, 1.5]", ["seeds.1", "1.5", "integer"]),
        ("seeds: [0, 1]", "", ["seeds: is missing"]),
        ("toys:", "cluster: {cpus: 0}\ntoys:", ["cluster.cpus", "0", "greater"]),
        ("toys:", "cluster: {gpus: 1.5}\ntoys:", ["cluster.gpus", "1.5", "whole"]),
        ("toys:", "cluster: {gpu: 1}\ntoys:", ["cluster.gpu: unknown key"]),
        ("more: {datasets: []", "more: {datasets: [qm9]", ["more.datasets", "'qm9'", "multimnist"]),
        ("more: {datasets: []", "more: {datasets: [multimnist, multimnist]", ["more.datasets", "each value once"]),
        ("methods: {}", "methods: {ls: {aggregator: mgda}}", ["more.methods.ls", "methods", "every"]),
        ("methods: {}", "methods: {x: {aggregator: lss}}", ["more.methods.x.aggregator", "'lss'"]),
        ("more: {datasets: [], methods: {}}", "", ["more: is missing"]),
        ("  datasets: [multimnist]", "  datasets: [qm9]", ["sensitivity.datasets", "'qm9'", "multimnist"]),
        ("  datasets: [multimnist]\n", "", ["sensitivity.datasets: is missing"]),
        ("samo-ls-alpha09:", "ls:", ["sensitivity.methods.ls", "methods", "every"]),
        ("alpha: 0.9", "alpha: 1.9", ["sensitivity.methods.samo-ls-alpha09.sharpness", "alpha", "1.9", "[0, 1]"]),
        (
            "more: {datasets: [], methods: {}}",
            "more: {datasets: [multimnist], methods: {samo-ls-alpha09: {aggregator: ls, sharpness: gsam}}}",
            ["sensitivity.methods.samo-ls-alpha09", "stands under more"],
        ),
        (VARIANTS, "", ["sensitivity: is missing"]),
        ("    training: {", "    sede: 3\n    training: {", ["datasets.multimnist", "seeds and search", "sede"]),
        ("    training: {", "    seeds: [1, 1]\n    training: {", ["datasets.multimnist.seeds", "each value once"]),
        ("    training: {", "    search: {lr: [1]}\n    training: {", ["datasets.multimnist.search.rho: is missing"]),
        ("cost: {repeats: 2}", "cost: {repeats: 0}", ["analyses.cost.repeats", "0"]),
        ("quadratics: {steps: 3", "quadratics: {steps: 0", ["toys.quadratics.steps", "0"]),
        ("every: 2}", "starts: [6]}", ["toys.valleys", "1 to 5"]),
        ("points: 5", "points: 6", ["analyses.landscape.points", "6", "odd"]),
        ("directions: [1, 2]", "directions: []", ["analyses.probe.directions"]),
        ("cost: {repeats: 2}", "cost: {repeat: 2}", ["analyses.cost.repeat: unknown key"]),
        ("curvature: {", "curvature: {own: {scene: {}}, ", ["analyses.curvature.own", "'scene'", "scenes"]),
        ("curvature: {", "curvature: {own: {scenes: {draws: 0}}, ", ["analyses.curvature.own.scenes.draws", "0"]),
        ("seeds: [0, 1]", "seeds: [0, 1]\nsede: 3", ["sede: unknown key"]),
        ("multimnist:\n", "multimnits:\n", ["multimnits", "multimnist"]),
        ("train: 320", "train: 0", ["datasets.multimnist.data.train", "0", "greater than or equal to 1"]),
        ("train: 320", 'train: "320"', ["datasets.multimnist.data.train", "'320'"]),
        ("train: 320", "train: true", ["datasets.multimnist.data.train", "True"]),
        ("train: 320", "train: 99999999999999", ["datasets.multimnist.data.train"]),
        ("jitter: 2", "jitter: 5", ["jitter", "5", "less than or equal to 4"]),
        ("jitter: 2", "giter: 2", ["datasets.multimnist.data.giter: unknown key"]),
        ("batch: 32", "batch: 1e400", ["batch"]),
        ("network: lenet", "network: letnet", ["training.network", "'letnet'", "'lenet'"]),
        ("schedule: onecycle", "schedule: cosine", ["schedule", "'cosine'", "'onecycle'"]),
        ("batch: 32", "batch: 32, momentum: 0.9", ["multimnist.training.momentum = 0.9", "sgd only"]),
        ("schedule: onecycle", "schedule: multistep", ["multimnist.training.milestones = []", "at least one"]),
        ("ls: {aggregator: ls}", "ls: {aggregator: lss}", ["methods.ls.aggregator", "'lss'", "mgda"]),
        ("ls: {aggregator: ls}", "ls: {}", ["methods.ls.aggregator: is missing"]),
        ("ls: {aggregator: ls}", "ls: {aggregator: ls, rho: 1}", ["methods.ls.rho: unknown key"]),
        ("ls: {aggregator: ls}", "ls: {aggregator: ls, lr: 0}", ["methods.ls.lr", "0", "greater than 0"]),
        ("ls: {aggregator: ls}", "ls: {aggregator: ls, lr: .inf}", ["methods.ls.lr", "finite"]),
        ("ls: {aggregator: ls}", "ls: {aggregator: ls}\n  ls: {aggregator: mgda}", ["'ls'", "twice", "line"]),
        ("ls: {aggregator: ls}", "Ls!: {aggregator: ls}", ["methods.Ls!"]),
        ("ls: {aggregator: ls}", "1: {aggregator: ls}", ["key 1", "text"]),
        ("name: fairgrad, alpha: 1.0", "name: fairgrad, alfa: 1.0", ["methods.fmtl-fairgrad.aggregator", "alfa"]),
        ("name: fairgrad, alpha: 1.0", "nome: fairgrad", ["methods.fmtl-fairgrad.aggregator", "'name'"]),
        ("preset: samo", "preset: sam0", ["methods.samo-ls.sharpness", "sam0", "samo"]),
        ("alpha: 0.3", "alpha: 1.3", ["methods.samo-ls.sharpness", "alpha", "1.3", "[0, 1]"]),
        ("rho: 0.1}", "rho: -0.1}", ["methods.fmtl-fairgrad.sharpness", "rho", "-0.1"]),
        ("rho: 0.1}", "roh: 0.1}", ["methods.fmtl-fairgrad.sharpness", "roh"]),
        ("alpha: 0.3", "layers: [first, 0.5]", ["methods.samo-ls.sharpness", "layers", "0.5"]),
        ("alpha: 0.3", "layers: {}", ["methods.samo-ls.sharpness", "layers"]),
        ("alpha: 0.3", "layers: '@chosen.json'", ["methods.samo-ls.sharpness", "DVC", "samo layers"]),
        ("alpha: 0.3", "layers: {multimnist: ['@chosen.json']}", ["methods.samo-ls.sharpness", "DVC"]),
        ("alpha: 0.3", "layers: {multimnist: [1.5]}", ["methods.samo-ls.sharpness", "layers", "1.5"]),
        ("alpha: 0.3", "layers: {qm9: first}", ["samo-ls", "layers has qm9", "multimnist"]),
        ("rho: 0.1}", "rho: wide}", ["methods.fmtl-fairgrad.sharpness", "wide"]),
        ("networks: separate", "networks: apart", ["methods.stl.networks", "'apart'", "'separate'"]),
        ("rho: [0.02, 0.1]", "rho: [0.1, 0.02]", ["train.search.rho", "ascending"]),
        ("rho: [0.02, 0.1]", "rho: [-1, 0.02]", ["train.search.rho.0", "-1"]),
        ("lr: [0.003, 0.01]", "lr: []", ["train.search.lr"]),
        ("threads: 1", "threads: 0", ["train.threads", "0"]),
        ("threads: 1", "processes: 0", ["train.processes = 0", "greater than or equal to 1"]),
        ("threads: 1", "processes: 3", ["datasets.multimnist.training.batch = 32", "divide by train.processes = 3"]),
        ("device: cpu", "processes: 2\n  device: 'cuda:1'", ["train.processes = 2", "auto, cuda or cpu", "cuda:1"]),
        ("threads: 1", "sync_batchnorm: 1", ["train.sync_batchnorm = 1", "boolean"]),
        ("device: cpu", "device: 'cpu; rm'", ["train.device"]),
        ("conflict: {}", "conflicts: {}", ["conflicts", "conflict, cost, curvature, landscape, layers, probe"]),
        ("seeds: [0, 1]", "seeds: !!python/object/apply:os.system ['true']", ["line", "python/object"]),
        ("seeds: [0, 1]", "seeds: &a [0, 1]\nother: *a", ["aliases", "line"]),
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


@pytest.mark.parametrize("text", ["", "just text", "- a list", "\t"])
def test_what_is_no_mapping_is_refused(text):
    assert faults(text).startswith("params.yaml: ")


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


def test_a_number_with_an_exponent_is_a_number_as_dvc_reads_it():
    params = config.parse(GOOD.replace("lr: [0.003, 0.01]", "lr: [3e-3, 1.0e-2]"))
    assert params.train.search.lr == [0.003, 0.01]
