"""One answer to "which method is this", whoever asks."""

from samo.results.method import MethodSpec, specs
from samo.study import config
from tests.made import made_run
from tests.study.made_study import ROOT

PARAMS = config.load(ROOT / "profiles/smoke.yaml")


def test_a_block_and_its_results_are_the_same_method():
    for name, block in PARAMS.methods_on("multimnist").items():
        run = {"dataset": "multimnist", "method": name, **block.made_of, "tasks": []}
        spec = MethodSpec.of_run(name, run)
        assert spec.family[:3] == (block.networks, spec.aggregator_text, block.preset_name)
        assert (spec.aggregator, spec.fields) == (block.aggregator_name, block.preset_fields)


def test_a_method_is_told_by_what_it_is_made_of():
    known = specs({"alone": made_run("stl"), "plain": made_run("ls"), "s": made_run("samo-ls"), "gone": None})
    assert [name for name, spec in known.items() if spec.single] == ["alone"]
    assert [name for name, spec in known.items() if spec.plain] == ["alone", "plain"]
    assert known["s"].base(known.values()) == known["plain"]
    assert known["plain"].base(known.values()) is None
    blocks = config.load(ROOT / "profiles/study.yaml").methods_on("multimnistpoor")
    own = {name: MethodSpec.of_run(name, block.made_of) for name, block in blocks.items()}
    assert [name for name, spec in own.items() if spec.control] == ["nadam-ls"]
    slow = [name for name, spec in own.items() if spec.at_own_rate]
    assert slow == [name for name in own if "-lr0" in name] != []
    weak = MethodSpec("weak", "cagrad", {"c": 0.2}, "samo")
    assert weak.aggregator_text == "cagrad c=0.2"
    assert weak.base([MethodSpec("strong", "cagrad", {"c": 0.8})]) is None


def test_what_is_changed_is_neither_a_radius_nor_a_value_that_the_preset_has_anyway():
    fields = {"rho": 0.1, "head_rho": 0.0, "alpha": 0.5, "layers": ["first"], "mu": 0.1}
    spec = MethodSpec("a", "ls", {}, "samo", fields)
    assert spec.changed == {"layers": ["first"], "mu": 0.1}
    assert spec.radii == {"rho": 0.1, "head_rho": 0.0}
