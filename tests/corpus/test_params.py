"""params.yaml broken in every way: as text, value by value, and field by field."""

import copy
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.serialize import parse_yaml

from samo import analysis, datasets
from samo.analysis.toys.trajectories import Descent
from samo.study.config import text as yaml_text
from samo.study.config.params import Train
from samo.training.search import Search
from samo.training.settings import Settings
from tests.corpus.entry import Outcome, refused, samo, untouched

ROOT = Path(__file__).parents[2]
GOOD = (ROOT / "profiles/smoke.yaml").read_text()
MANY = "9" * 5000


@pytest.fixture
def check(tmp_path, capsys):
    """`samo check` of a text, which changes nothing and takes no time."""

    def of(text: str | bytes) -> Outcome:
        path = tmp_path / "params.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        begun = time.process_time()
        with untouched(tmp_path):
            found = samo(capsys, "check", path)
        assert time.process_time() - begun < 5
        return found

    return of


def change(good: str, bad: str) -> str:
    assert good in GOOD
    return GOOD.replace(good, bad, 1)


def laughs(levels: int) -> str:
    """Ten of ten of ten …: a few hundred characters that would unfold into gigabytes."""
    return "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels))])


TEXTS = {
    "not UTF-8": (b"seeds: [0]\n# \xff\xfe\n", ["not text in UTF-8", "profiles"]),
    "a terminal's codes": ("seeds: \x1b[31m", ["#x001b"]),
    "a hundred megabytes": ("# " + "x" * 2_000_000, ["longer than 1000000 characters"]),
    "lists in lists": ("seeds: " + "[" * 20000, ["line 1", "more than 20 levels"]),
    "laughs": (laughs(10), ["line 2", "aliases are not allowed"]),
    "a merge": (change("data: {train", "data: {<<: {val: 1}, train"), ["line 9", "merge"]),
    "two documents": (f"{GOOD}\n---\n{GOOD}", ["another document"]),
    "another YAML": (f"%YAML 1.1\n---\n{GOOD}", ["line 2", "directives are not allowed"]),
    "a list for a key": (f"? [1, 2]\n: 3\n{GOOD}", ["(1, 2): a key must be text", "in quotes"]),
    "a key twice": (change("jitter: 2", "jitter: 2, jitter: 3"), ["line 9", '"jitter"', "twice"]),
    "a number of 5,000 digits": (change("seeds: [0, 1]", f"seeds: [0x{MANY}]"), ["line 2", "too many digits"]),
    "an octal one, or not": (change("evaluations: 2", "evaluations: 010"), ["line 10", "010", "leading 0"]),
    "a yes, or not": (change("threads: 1", "sync_batchnorm: yes"), ["train.sync_batchnorm = 'yes'", "boolean"]),
    "a date that is none": (change("seeds: [0, 1]", "seeds: 2020-13-45"), ["date that cannot be read"]),
    "a tag": (change("evaluations: 2", "evaluations: !!int two"), ["line 10", "tags are not allowed", "int"]),
    "half a character": (change("network: lenet", 'network: "\\ud800"'), ["training.network"]),
    "a line break in a value": (change("network: lenet", 'network: "a\\nb\\e[31m"'), ["training.network", r"\n"]),
    "nothing": ("", ["must be a mapping with seeds"]),
    "a cut file": (GOOD[:400], ["line"]),
    "three thousand faults": (
        GOOD + "".join(f"x{n}: 1\n" for n in range(3000)),
        ["x0: unknown key", "and 2950 faults more"],
    ),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_broken_text_is_told_and_changes_nothing(check, name):
    text, told = TEXTS[name]
    found = check(text)
    refused(found, "params.yaml: ", *told, lines=51)
    assert found.code == 2
    assert name == "three thousand faults" or found.err.count("\n") == 1


LS = "ls: {aggregator: ls}"
VALUES = [
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
    ("alpha: 0.3", "alpha: adaptiv", ["samo-ls.sharpness.alpha = 'adaptiv'", "valid number, or input", "'adaptive'"]),
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
    ("device: cpu", "device: gpu", ["train.device = 'gpu'", "no device", "cuda:0, mps"]),
    ("toys:", "cluster: {gpus: 1.5}\ntoys:", ["cluster.gpus = 1.5", "whole"]),
    # Analyses, which only `check` looks at.
    ("cost: {repeats: 2}", "cost: {repeats: 0}", ["analyses.cost.repeats = 0"]),
    ("cost: {repeats: 2}", "cost: {repeat: 2}", ["analyses.cost.repeat: unknown key"]),
    ("curvature: {", "curvature: {own: {scene: {}}, ", ["analyses.curvature.own", "'scene'", "scenes"]),
    ("conflict: {}", "conflict:", ["analyses.conflict: is empty; write {}"]),
    ("conflict: {}", "conflicts: {}", ["conflicts", "conflict, cost, curvature, landscape, layers, probe"]),
    ("quadratics: {steps: 3", "quadratics: {steps: 0", ["toys.quadratics.steps = 0"]),
]


@pytest.mark.parametrize(("good", "bad", "told"), VALUES)
def test_a_fault_is_told_with_its_key_its_value_and_what_is_allowed(check, good, bad, told):
    found = check(change(good, bad))
    refused(found, "params.yaml: ", *told)
    assert found.code == 2


def test_every_fault_is_told_at_once(check):
    found = check(change("seeds: [0, 1]", "seeds: []").replace("threads: 1", "threads: 0"))
    refused(found, "params.yaml: seeds", "params.yaml: train.threads", lines=2)


@pytest.mark.parametrize(
    "text",
    [
        "seeds: !!map {{? !!python/object/apply:os.mkdir [{trap}] : 1}}",
        "%TAG ! tag:yaml.org,2002:python/\n---\nseeds: !object/apply:os.mkdir [{trap}]",
    ],
)
def test_nothing_makes_code_run(check, tmp_path, text):
    trap = tmp_path / "ran"
    refused(check(text.format(trap=trap)), "line", "not allowed")
    assert not trap.exists()


@pytest.mark.parametrize("value", ["1e-3", "1_000", "0x1F", "0.50", "~", "on", "12:30:45", "2020-12-24", "'010'", ".5"])
def test_a_value_is_what_dvc_reads(value):
    assert yaml_text.read(f"a: {value}") == parse_yaml(f"a: {value}", "params.yaml")


def test_what_is_no_file_is_told(tmp_path, capsys):
    refused(samo(capsys, "check", tmp_path), str(tmp_path), "profiles")
    refused(samo(capsys, "check", tmp_path / "none.yaml"), "none.yaml", "profiles")


def blocks() -> Iterator[tuple[tuple[str, ...], type[Settings]]]:
    """Every block of settings: where it stands, and what checks it."""
    for name in datasets.names():
        module = datasets.get(name)
        yield ("datasets", name, "data"), module.Data
        yield ("datasets", name, "training"), module.Training
    for name in analysis.names():
        yield ("analyses", name), analysis.options(name)
    yield ("train",), Train
    yield ("search",), Search
    yield ("toys", "quadratics"), Descent
    yield ("toys", "valleys"), Descent


WRONG: dict[str, Any] = {
    "a mapping": {"oops": 1},
    "a list of lists": [["oops"]],
    "a number beyond all machines": 10**30,
    "not a number": float("nan"),
}


def cases() -> Iterator[tuple[tuple[str, ...], str, list[str]]]:
    """Each block with each wrong value, and the fields that must refuse it."""
    for place, kind in blocks():
        for value in WRONG:
            # A number takes a large one, and a mapping one that is checked further in.
            taken = {"a number beyond all machines": "float", "a mapping": "dict"}.get(value, "nothing")
            fields = [name for name, field in kind.model_fields.items() if taken not in str(field.annotation)]
            if fields:
                yield place, value, fields


@pytest.mark.parametrize(("place", "value", "fields"), list(cases()), ids=lambda x: str(x)[:60])
def test_every_field_refuses_what_it_is_not(check, place, value, fields):
    """All fields of a block at once: one line each, that names it."""
    params = yaml_text.read(GOOD)
    if place[0] == "datasets":
        params["datasets"] = {place[1]: copy.deepcopy(params["datasets"]["multimnist"])}
        params["sensitivity"]["datasets"], params["arms"]["datasets"] = [], []
        if place[2] == "training":  # the block beside it has to be sound, since it is looked at first
            params["datasets"][place[1]]["data"] = {"train": 10, "val": 5, "test": 5}
    at = params
    for key in place[:-1]:
        at = at[key]
    # The same object each time would be written as aliases.
    at[place[-1]] = {name: copy.deepcopy(WRONG[value]) for name in fields}
    found = check(yaml.safe_dump(params))
    refused(found, *(f"{'.'.join(place)}.{name}" for name in fields), lines=4 * len(fields) + 25)
    assert found.code == 2
