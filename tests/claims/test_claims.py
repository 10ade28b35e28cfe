"""Each claim is found true where it is planted, false where its opposite is, and not run without its cells."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from samo import claims
from samo.claims.c19_layers import concentration, movement
from samo.claims.cells import Cell, Kind, find
from samo.claims.evidence import Evidence
from samo.claims.rule import Verdict, judge, overall
from tests.claims.worlds import (
    BASES,
    FREE,
    SEEDS,
    SHARPNESS,
    cost,
    curvature,
    history,
    layers,
    probe,
    toys,
    world,
)

World = Callable[[], Evidence]
MIXED = {"gsam ls": 3.0, "lsam mgda": 3.0}
NORMALISED = [(a, "samo", {"normalise": how}, 0.0) for a in BASES for how in ("none", "global")]
RADII = (0.01, 0.05, 0.1)
STEPS = {"none": 1.0, "samo": 4.0, "samo-sampled": 3.0, "samo-shared": 3.5}


def cosines(gsam: float) -> pd.DataFrame:
    return history({"none": (0.1, 0.0), "gsam": (0.1, gsam)}, "cosine_mean", "probe")


def conflicts(fmtl: tuple[float, float], plain: tuple[float, float]) -> pd.DataFrame:
    return history({"fmtl": fmtl, "none": plain}, "minibatch_conflict", "train")


def radii(spread: float) -> list[tuple[str, str, dict[str, float], float]]:
    return [("ls", "fmtl", {"rho": rho}, spread * k) for k, rho in enumerate(RADII)]


def shared(many: float) -> pd.DataFrame:
    return pd.concat([cost(STEPS), cost(STEPS | {"samo-shared": many}, "celeba")], ignore_index=True)


def story(sign: int) -> Evidence:
    """The flatter, the less conflict and error; or the flatter, the more of both."""
    size = {s: 0.2 * k for k, s in enumerate(SHARPNESS)}
    return world(
        gain=size,
        history=history({s: (0.0, sign * x) for s, x in size.items()}, "cosine_mean", "probe"),
        curvature=curvature({s: np.exp(-sign * x) for s, x in size.items()}),
    )


TRUE: dict[int, World] = {
    1: lambda: world(history=cosines(0.3)),
    2: lambda: world(curvature=curvature({"none": 10.0, "gsam": 5.0})),
    3: lambda: world(gain=MIXED),
    4: lambda: world(gain={"samo": 2.0, "gsam": 1.0, "lsam": 1.0}),
    5: lambda: world(gain={"samo": 2.0}),
    6: lambda: world(cost=cost({"gsam": 2.0, "samo": 2.04, "fmtl": 4.0})),
    7: lambda: world(gain={"samo": 2.0}, extra=NORMALISED),
    8: lambda: world(probe=probe(0.9)),
    9: lambda: world(gain={"samo": 2.0}, datasets=("qm9", "celeba"), sharpness=("none", "samo")),
    10: lambda: world(gain={"samo": 2.0}, datasets=("officehome",)),
    11: lambda: world(gain={"fmtl": 2.0}),
    12: lambda: world(history=conflicts((0.45, 0.01), (0.45, 0.53))),
    13: lambda: world(gain={"fmtl": 2.0}),
    14: lambda: world(gain={"fmtl": 2.0}, flat_single=-3.0),
    15: lambda: world(gain={"fmtl ls": 7.0, "fmtl mgda": 4.0}),
    16: lambda: world(extra=radii(0.1)),
    17: lambda: world(cost=cost({"none": 1.2, "fmtl": 2.4})),
    18: lambda: world(toys=toys(1.0, 2.0)),
    19: lambda: world(layers=layers((0.9, 0.1, 0.1, 0.8, 0.1, 0.1, 0.1, 0.9))),
    20: lambda: world(cost=cost(STEPS)),
    21: lambda: world(gain={"samo": 2.0}),
    22: lambda: world(cost=shared(3.6), datasets=("multimnist", "celeba")),
    23: lambda: world(gain={"msam": 0.0, "lookback": -5.0}, cost=cost(dict.fromkeys(("none", *FREE), 1.0))),
    24: lambda: story(1),
}
FALSE: dict[int, World] = {
    1: lambda: world(history=cosines(-0.3)),
    2: lambda: world(curvature=curvature({"none": 10.0, "gsam": 5.0}, ratio={"none": 2.0, "gsam": 3.0})),
    3: lambda: world(gain={"gsam": 3.0}),
    4: lambda: world(gain={"samo": 2.0, "gsam": 1.0, "lsam": 3.0}),
    5: lambda: world(gain={"samo": 2.0, "samo mgda": -2.0}),
    6: lambda: world(cost=cost({"gsam": 2.0, "samo": 3.2, "fmtl": 4.0})),
    7: lambda: world(gain={"samo": -2.0}, extra=NORMALISED),
    8: lambda: world(probe=probe(0.01)),
    9: lambda: world(gain={"samo": -2.0}, datasets=("qm9",), sharpness=("none", "samo")),
    10: lambda: world(gain={"samo": -2.0}, datasets=("officehome",)),
    11: lambda: world(gain={"fmtl": 2.0, "fmtl fairgrad": -9.0}),
    12: lambda: world(history=conflicts((0.45, 0.44), (0.45, 0.53))),
    13: lambda: world(gain={"lsam": 2.0}),
    14: lambda: world(gain={"fmtl": 2.0}, flat_single=9.0),
    15: lambda: world(gain={"fmtl ls": -7.0, "fmtl mgda": -4.0}),
    16: lambda: world(extra=radii(2.0)),
    17: lambda: world(cost=cost({"none": 1.0, "fmtl": 3.7})),
    18: lambda: world(toys=toys(0.01, 1.0)),
    19: lambda: world(layers=layers((0.5,) * 8)),
    20: lambda: world(gain={"samo": 3.0}, cost=cost(STEPS)),
    21: lambda: world(gain={"samo": -2.0}),
    22: lambda: world(cost=shared(9.0), datasets=("multimnist", "celeba")),
    23: lambda: world(gain={"samo": 5.0}, cost=cost(dict.fromkeys(("none", *FREE), 1.0))),
    24: lambda: story(-1),
}
BARE: dict[int, World] = {
    n: lambda: world(sharpness=("none",), bases={"ls": 1.0}, single=False, seeds=(0, 1, 2)) for n in range(1, 25)
}
"""Plain runs on one aggregator: what every profile has."""


def verdict(number: int, evidence: Evidence) -> Verdict:
    return overall(judge(claims.get(number).comparisons(evidence))).verdict


def test_every_claim_is_found_and_says_what_it_is():
    found = claims.numbers()
    assert list(found) == list(range(1, 25))
    assert TRUE.keys() == FALSE.keys() == found.keys()
    for number in found:
        claim = claims.get(number)
        assert len(claim.CLAIM) < 90
        assert claim.SOURCE
        assert str(claim.__doc__).startswith(f"{number}. ")


@pytest.mark.parametrize("number", TRUE)
def test_a_planted_truth_is_supported(number: int):
    assert verdict(number, TRUE[number]()) == Verdict.SUPPORTED


@pytest.mark.parametrize("number", FALSE)
def test_a_planted_opposite_is_contradicted(number: int):
    assert verdict(number, FALSE[number]()) == Verdict.CONTRADICTED


@pytest.mark.parametrize("number", BARE)
@pytest.mark.parametrize("kind", ["bare", "nothing", "no dataset"])
def test_without_its_cells_a_claim_is_not_run_and_says_what_is_missing(number: int, kind: str):
    evidence = {"bare": BARE[number](), "nothing": Evidence(("multimnist",)), "no dataset": Evidence()}[kind]
    row = overall(judge(claims.get(number).comparisons(evidence)))
    assert row.verdict == Verdict.NOT_RUN
    assert kind == "no dataset" or len(row.why) > len("missing: ")


SEEDED = sorted(set(TRUE) - {6, 8, 17, 18, 24})
"""Claims on seeds; the others are on rounds, repeats, exact walks, or methods."""


@pytest.mark.parametrize("number", SEEDED)
def test_two_seeds_decide_nothing(number: int):
    whole = TRUE[number]()
    few = {
        frame: table[table["seed"].isin(SEEDS[:2])]
        for frame in ("runs", "history", "curvature", "layers")
        if len(table := getattr(whole, frame))
    }
    rows = judge(claims.get(number).comparisons(replace(whole, **few)))
    seeded = [row for row in rows if row.comparison.effect and row.comparison.effect.seeded]
    assert seeded
    assert {row.verdict for row in seeded} == {Verdict.UNDECIDED}
    assert "2 seeds, at least 3 are needed" in seeded[0].why
    assert overall(rows).verdict == Verdict.UNDECIDED


def test_single_task_runs_are_not_needed_to_compare_two_methods():
    assert verdict(5, world(gain={"samo": 2.0}, single=False)) == Verdict.SUPPORTED
    assert verdict(5, world(gain={"samo": -2.0}, single=False)) == Verdict.CONTRADICTED


def test_a_seed_that_one_method_lacks_is_left_out_for_both():
    evidence = world(gain={"samo": 2.0})
    gone = (evidence.runs["method"] == "samo-ls") & (evidence.runs["seed"] == 0)
    row = judge(claims.get(5).comparisons(Evidence(evidence.datasets, runs=evidence.runs[~gone])))[0]
    assert (row.comparison.base, row.interval.n) == ("ls", len(SEEDS) - 1)


def test_a_run_that_diverged_leaves_its_comparison_undecided():
    runs = world(gain={"samo": 2.0}).runs
    runs.loc[(runs["method"] == "samo-ls") & (runs["seed"] == 0), "value"] = np.nan
    rows = judge(claims.get(5).comparisons(Evidence(("multimnist",), runs=runs)))
    assert [row.verdict for row in rows] == [Verdict.UNDECIDED, Verdict.SUPPORTED, Verdict.SUPPORTED]
    assert "not finite" in rows[0].why


def test_a_base_that_is_missing_is_named_and_keeps_the_claim_from_support():
    rows = judge(claims.get(5).comparisons(world(gain={"samo": 2.0}, bases={"ls": 9.0, "mgda": 5.0})))
    assert [row.verdict for row in rows] == [Verdict.SUPPORTED, Verdict.SUPPORTED, Verdict.NOT_RUN]
    assert "fairgrad" in rows[2].why
    assert overall(rows).verdict == Verdict.UNDECIDED


def test_a_radius_that_is_given_is_still_the_method_but_another_alpha_is_not():
    only = {"sharpness": ("none",), "bases": {"ls": 9.0}}
    given = world(**only, extra=[("ls", "samo", {"rho": 0.1}, 2.0)])  # type: ignore[arg-type]
    other = world(**only, extra=[("ls", "samo", {"alpha": 0.9}, 2.0)])  # type: ignore[arg-type]
    default = world(**only, extra=[("ls", "samo", {"alpha": 0.5}, 2.0)])  # type: ignore[arg-type]
    found = [judge(claims.get(5).comparisons(evidence))[0].verdict for evidence in (given, other, default)]
    assert found == [Verdict.SUPPORTED, Verdict.NOT_RUN, Verdict.SUPPORTED]


def test_a_variant_is_never_taken_for_the_method_of_the_table():
    kind = Kind("samo")
    main, other = Cell("main", "ls", kind, {"rho": 0.05}), Cell("variant", "ls", kind, {"rho": 0.1}, variant=True)
    assert find([other, main], kind, "ls") == "main"
    assert find([other], kind, "ls") == "variant"
    assert find([other, other._replace(method="another")], kind, "ls") is None


def test_radii_of_f_mtl_are_compared_where_all_else_is_equal():
    adaptive = [("mgda", "fmtl", {"rho": rho, "adaptive": True}, 2.0 * k) for k, rho in enumerate((0.5, 2.0, 5.0))]
    rows = judge(claims.get(16).comparisons(world(extra=adaptive)))
    assert [row.comparison.case for row in rows] == [f"rho {r} for 2, fmtl (adaptive True)" for r in ("0.5", "5")]
    assert overall(rows).verdict == Verdict.CONTRADICTED
    mixed = [*adaptive[:2], ("mgda", "fmtl", {"rho": 5.0}, 4.0)]
    assert verdict(16, world(extra=mixed)) == Verdict.NOT_RUN


def test_one_place_cannot_tell_that_neither_wins_everywhere():
    assert verdict(3, world(gain=MIXED, bases={"ls": 9.0})) == Verdict.NOT_RUN


def test_separate_aggregation_is_no_question_where_weights_know_no_gradients():
    rows = judge(claims.get(13).comparisons(TRUE[13]()))
    assert [row.comparison.base for row in rows] == ["mgda", "fairgrad"]


def test_sampled_layers_are_those_chosen_by_their_cosines_where_a_dataset_has_such_a_variant():
    chosen = [("ls", "samo-sampled", {"layers": ["conv1.weight"]}, 3.0)]
    on_words = world(gain={"samo": 3.0}, extra=[("ls", "samo-sampled", {"layers": "first"}, 3.0)])
    assert as_good(world(gain={"samo": 3.0}, extra=chosen)) == {"ls": Verdict.SUPPORTED}
    assert as_good(on_words) == dict.fromkeys(BASES, Verdict.CONTRADICTED)


def test_a_dataset_with_a_choice_of_layers_does_not_set_it_for_another():
    here = world(gain={"samo": 3.0}, extra=[("ls", "samo-sampled", {"layers": ["conv1.weight"]}, 3.0)])
    there = world(gain={"samo": 3.0}, datasets=("scenes",))
    both = Evidence(("multimnist", "scenes"), runs=pd.concat([here.runs, there.runs], ignore_index=True))
    found = [row for row in judge(claims.get(20).comparisons(both)) if row.comparison.case == "as good"]
    assert [row.comparison.dataset for row in found] == ["multimnist", *["scenes"] * len(BASES)]
    assert {row.verdict for row in found[1:]} == {Verdict.CONTRADICTED}


def as_good(evidence: Evidence) -> dict[str, Verdict]:
    rows = judge(claims.get(20).comparisons(evidence))
    return {row.comparison.base: row.verdict for row in rows if row.comparison.case == "as good"}


def test_layers_picked_by_their_own_noise_do_not_lead():
    rng = np.random.default_rng(0)
    noise = pd.DataFrame(rng.uniform(0.5, 1.5, (400, 9)))
    assert np.exp(np.log(concentration(noise)).mean()) == pytest.approx(1.0, abs=0.03)
    own_choice = noise.apply(lambda row: row.nlargest(3).mean() / row.nsmallest(6).mean(), axis=1)
    assert own_choice.mean() > 1.4
    moved = movement(layers((0.0, 1.0, 0.0, 0.5)).query("method == 'ls'"))
    assert list(moved.columns) == [f"layer{k}" for k in range(4)]
    assert moved["layer1"].to_numpy() == pytest.approx(1.0, abs=0.1)
