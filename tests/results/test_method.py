"""One answer to "which method is this", whoever asks."""

from samo.results.method import MethodSpec, specs
from samo.study import config
from tests.made import made_run
from tests.study.made_study import ROOT

PARAMS = config.load(ROOT / "profiles/smoke.yaml")


def test_a_block_and_its_results_are_the_same_method():
    for name, block in PARAMS.methods_on("multimnist").items():
        spec = MethodSpec.of_block(name, block, variant=name not in PARAMS.main_on("multimnist"))
        run = {
            "aggregator": block.aggregator_name,
            "options": block.aggregator_options,
            "sharpness": block.preset_name,
            "fields": block.preset_fields,
            "networks": block.networks,
        }
        assert MethodSpec.of_run(name, run, spec.variant) == spec
        assert spec.tags()["variant"] == ("yes" if name in ("samo-ls-alpha09", "placebo-ls") else "no")


def test_a_method_is_told_by_what_it_is_made_of():
    known = specs({"alone": made_run("stl"), "plain": made_run("ls"), "s": made_run("samo-ls"), "gone": None})
    assert [name for name, spec in known.items() if spec.single] == ["alone"]
    assert [name for name, spec in known.items() if spec.plain] == ["alone", "plain"]
    assert known["s"].base(known.values()) == known["plain"]
    assert known["plain"].base(known.values()) is None
    blocks = config.load(ROOT / "profiles/study.yaml").methods_on("multimnistpoor")
    own = {name: MethodSpec.of_block(name, block, variant=False) for name, block in blocks.items()}
    assert [name for name, spec in own.items() if spec.control] == ["nadam-ls"]
    assert (
        {name for name, spec in own.items() if spec.at_own_rate} == {n for n in own if n.endswith("-lr0001")} != set()
    )
    weak = MethodSpec("weak", "cagrad", {"c": 0.2}, "samo")
    assert weak.aggregator_text == "cagrad c=0.2"
    assert weak.base([MethodSpec("strong", "cagrad", {"c": 0.8})]) is None


def test_what_is_changed_is_neither_a_radius_nor_a_value_that_the_preset_has_anyway():
    fields = {"rho": 0.1, "head_rho": 0.0, "alpha": 0.5, "layers": ["first"], "mu": 0.1}
    spec = MethodSpec("a", "ls", {}, "samo", fields)
    assert spec.changed == {"layers": ["first"], "mu": 0.1}
    assert spec.radii == {"rho": 0.1, "head_rho": 0.0}
