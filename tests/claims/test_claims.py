"""Each claim comes out as planted: true, no different, false; not testable and not run where there is no answer."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from samo import claims
from samo.claims.c15_gaps import spread
from samo.claims.c19_layers import concentration, movement
from samo.claims.evidence import Evidence, Kind, find
from samo.claims.rule import Judged, Row, Verdict, judge
from samo.results.method import MethodSpec
from tests.claims.worlds import BASES, FREE, SEEDS, SHARPNESS, cost, curvature, history, layers, probe, toys, world

SUPPORTED, EQUIVALENT, CONTRADICTED, UNDECIDED, NOT_TESTABLE, NOT_RUN = Verdict
World = dict[str, Any]
"""What `world` is made with."""
NORMALISED = [(a, "samo", {"normalise": how}, 0.0) for a in BASES for how in ("none", "global")]
STEPS = {"none": 1.0, "samo": 4.0, "samo-sampled": 3.0, "samo-shared": 3.5}
CHEAP = cost(dict.fromkeys(("none", *FREE), 1.0))
NEGATIVE = {"ls": -1.0, "imtl-g": -3.0}
"""Bases ahead of single-task training, as in F-MTL's tables."""
PLAIN_LS: World = {"sharpness": ("none",), "bases": {"ls": 9.0}}
BARE: World = {"sharpness": ("none",), "bases": {"ls": 1.0}, "single": False, "seeds": (0, 1, 2)}
"""Plain runs on one aggregator: what every profile has."""


def cosines(gsam: float) -> pd.DataFrame:
    return history({"none": (0.1, 0.0), "gsam": (0.1, gsam)}, "cosine_mean", "probe")


def radii(gap: float) -> World:
    return {"extra": [("ls", "fmtl", {"rho": rho}, gap * k) for k, rho in enumerate((0.01, 0.05, 0.1))]}


def shared(many: float, samo: float = 2.0) -> World:
    """A shared probe gains two points; its step takes so long with 40 tasks, 3.5 LS steps with two."""
    steps = pd.concat([cost(STEPS), cost(STEPS | {"samo-shared": many}, "celeba")], ignore_index=True)
    return {"gain": {"samo": samo, "samo-shared": 2.0}, "cost": steps, "datasets": ("multimnist", "celeba")}


def gains(*points: Mapping[str, float], **given: Any) -> tuple[World, ...]:
    return tuple({"gain": gain, **given} for gain in points)


def curved(plain: float, **others: float) -> World:
    return {"curvature": curvature({"none": plain, **others})}


def story(sign: int) -> World:
    """The flatter, the less conflict and error; or the flatter, the more of both."""
    size = {s: 0.2 * k for k, s in enumerate(SHARPNESS)}
    return {
        "gain": size,
        "history": history({s: (0.0, sign * x) for s, x in size.items()}, "cosine_mean", "probe"),
        "curvature": curvature({s: np.exp(-sign * x) for s, x in size.items()}),
    }


def ladder(*gain: float) -> World:
    """G-SAM's gain at 100, 1,000 and 10,000 updates; other methods gain nothing."""
    return {"ladder": {n: {"gsam": x} for n, x in zip((100, 1000, 10_000), gain, strict=True)}}


def accelerated(gain: float = 3.0, nadam: float = 3.0) -> World:
    """msam and lookback gain at first, NAdam by `nadam`, the other sign nothing."""
    extra = [(a, s, {"sign": 1}, 0.0) for a in BASES for s in FREE] + [(a, "none+nadam", {}, nadam) for a in BASES]
    rungs = {100: dict.fromkeys(FREE, gain), 1000: dict.fromkeys(FREE, 0.0)}
    return {"ladder": rungs, "extra": extra, **curved(10.0, msam=10.0, lookback=10.0)}


def untuned(gain: float) -> list[tuple[str, str, Mapping[str, Any], float]]:
    """All bases two points worse at the papers' learning rate, G-SAM and SAMO better than that by `gain`."""
    return [
        (a, f"{s}+lr 0.001", {"rho": 0.05}, x)
        for a in BASES
        for s, x in (("none", -2.0), ("gsam", gain - 2.0), ("samo", gain - 2.0))
    ]


PLACEBOS = ("none", "samo-remembered", "placebo")
REAL = {"samo-remembered": 2.0}
VARIANTS = [
    (a, "samo", {name: value}, 0.0)
    for a in BASES
    for name, value in (("alpha", "adaptive"), ("adaptive", True), ("every", 5), ("estimator", "guided"))
]
ONE, LESS, SAME = {"samo": 2.0}, {"samo": -2.0}, {"samo": 0.1}
PLANTED: dict[int, Sequence[World | None]] = {
    1: [{"history": cosines(x)} for x in (0.3, 0.0, -0.3)],
    2: [
        curved(10.0, gsam=5.0),
        curved(10.0, gsam=10.0),
        {"curvature": curvature({"none": 10.0, "gsam": 5.0}, ratio={"none": 2.0, "gsam": 3.0})},
    ],
    3: [{"gain": {"gsam ls": 3.0, "lsam mgda": 3.0}}, None, {"gain": {"gsam": 3.0}}],
    4: gains(*({"samo": 2.0, "gsam": 1.0, "lsam": x} for x in (1.0, 2.0, 3.0))),
    5: gains(ONE, SAME, LESS, single=False),
    6: [
        {"cost": cost({"none": 2.0, "gsam": 2.0, "samo": 2.04, "fmtl": 4.0})},
        None,
        {"cost": cost({"none": 1.0, "gsam": 2.0, "samo": 2.04, "fmtl": 4.0})},
    ],
    7: gains(ONE, {}, LESS, extra=NORMALISED),
    8: [{"probe": probe(0.05, 0.03)}, None, {"probe": probe(0.1, 0.3)}],
    9: gains(ONE, {}, LESS, datasets=("qm9", "celeba"), sharpness=("none", "samo")),
    10: gains(ONE, {}, LESS, datasets=("officehome",)),
    11: gains({"fmtl": 2.0}, {}, {"fmtl": -2.0}),
    12: [
        {"history": history({"fmtl": (0.45, fmtl), "none": (0.45, plain)}, "minibatch_conflict", "train")}
        for fmtl, plain in ((0.01, 0.53), (0.45, 0.45), (0.53, 0.44))
    ],
    13: gains({"fmtl": 2.0}, {}, {"lsam": 2.0}),
    14: [
        {"bases": bases, "gain": {"fmtl": 2.0}, "flat_single": single}
        for bases, single in ((NEGATIVE, -3.0), ({"ls": -3.0, "imtl-g": -3.0}, -3.0), (NEGATIVE, 9.0))
    ],
    15: gains({"fmtl ls": 7.0, "fmtl mgda": 4.0}, {}, {"fmtl ls": -7.0, "fmtl mgda": -4.0}),
    16: [radii(0.1), None, radii(2.0)],
    17: [{"cost": cost({"none": 1.2, "fmtl": 2.4})}, None, {"cost": cost({"none": 1.0, "fmtl": 3.7})}],
    18: [{"toys": toys(1.0, 2.0)}, None, {"toys": toys(0.01, 1.0)}],
    19: [{"layers": layers(x)} for x in ((0.9, *[0.1] * 4, 0.8, *[0.1] * 4, 0.9), (0.5,) * 11, (0.1, *[0.5] * 10))],
    20: [
        {"gain": ONE | {"samo-sampled": 2.0}, "cost": cost(STEPS)},
        None,
        {"gain": {"samo": 3.0}, "cost": cost(STEPS)},
    ],
    21: gains(ONE, {"samo": 2.0, "placebo": 2.0}, {"placebo": 2.0}),
    22: [shared(3.6), None, shared(9.0)],
    23: [
        {"gain": {"samo": 2.0, "msam": 2.0, "lookback": 5.0}, "cost": CHEAP},
        None,
        {"gain": {"samo": 5.0}, "cost": CHEAP},
    ],
    24: [story(1), None, story(-1)],
    25: [{"probe": probe(x)} for x in (0.9, 0.02, -0.5)],
    26: [{"gain": {"samo": 2.0, "placebo": 2.0}}, None, {"gain": ONE}],
    27: [accelerated(), None, accelerated(nadam=-3.0)],
    28: [{"probe": probe(x, remembered=y)} for x, y in ((0.01, 0.3), (0.01, 0.02), (0.3, 0.01))],
    29: [{"aside": {"loss": {"gsam": times}, "calibration": {"gsam": times}}} for times in (0.8, 1.0, 1.2)],
    30: [ladder(2.0, 1.0, 0.0), None, ladder(1.0, 2.0, 3.0)],
    31: gains(REAL, REAL | {"placebo": 2.0}, {"placebo": 2.0}, sharpness=PLACEBOS),
    32: [{"extra": VARIANTS, "gain": ONE}, None, {"extra": VARIANTS, "gain": LESS}],
    33: [
        {"ladder": {100: {"samo": x}, 400: {"none": y}}, "cost": cost({"none": 1.0, "samo": 4.0})}
        for x, y in ((0.0, 3.0), (0.0, 0.0), (3.0, 0.0))
    ],
    34: [{"extra": untuned(x)} for x in (2.0, 0.0, -2.0)],
}
"""Worlds in which a claim is true, makes no difference, is false; None where the claim knows no such thing."""

NO_ANSWER: dict[int, World] = {
    14: {"bases": {"ls": 9.0, "imtl-g": 5.0}, "gain": {"fmtl": 2.0}, "flat_single": -3.0},
    15: {"bases": dict.fromkeys(BASES, 5.0), "seed": 3},
    19: {"layers": layers((0.9, 0.1, 0.9))},
    20: {"cost": cost(STEPS)},
    21: {"extra": [("ls", "placebo", {"rho": 0.3}, 2.0)], "sharpness": ("none", "samo"), "gain": ONE},
    22: shared(3.6, samo=0.0),
    23: {"gain": {"msam": 2.0, "lookback": 2.0}, "cost": CHEAP},
    24: {"history": cosines(0.3), **curved(10.0, gsam=5.0)},
    26: {},
    27: accelerated(0.0, nadam=0.0),
    30: ladder(0.0, 0.0, 0.0),
    31: {"sharpness": PLACEBOS},
}
"""Worlds in which all was run and there is still no answer."""


CASES = [
    (number, given, expected)
    for number, worlds in PLANTED.items()
    for given, expected in zip(worlds, (SUPPORTED, EQUIVALENT, CONTRADICTED), strict=True)
    if given is not None
] + [(number, given, NOT_TESTABLE) for number, given in NO_ANSWER.items()]


def judged(number: int, evidence: Evidence) -> Judged:
    return judge(claims.get(number).comparisons(evidence))


def places(number: int, evidence: Evidence) -> list[Row]:
    return judged(number, evidence).places


def test_every_claim_is_found_and_says_what_it_is():
    found = claims.numbers()
    assert list(found) == list(range(1, 35)) == list(PLANTED)
    for number in found:
        claim = claims.get(number)
        assert 20 < len(claim.sentence) < 90
        assert bool(claim.quote) != claim.source.startswith("ours")


@pytest.mark.parametrize(("number", "given", "expected"), CASES, ids=[f"{n}-{v}" for n, _, v in CASES])
def test_what_is_planted_comes_out(number: int, given: World, expected: Verdict):
    assert judged(number, world(**given)).whole.verdict == expected


@pytest.mark.parametrize("number", PLANTED)
def test_without_its_conditions_a_claim_is_not_run_and_says_what_is_missing(number: int):
    for evidence in (world(**BARE), Evidence(("multimnist",)), Evidence()):
        row = judged(number, evidence).whole
        assert row.verdict == NOT_RUN
        assert not evidence.datasets or len(row.why) > len("missing: ")


def test_two_seeds_decide_nothing():
    for number in (1, 2, 5, 12, 15, 16, 19, 21):
        whole = world(**next(filter(None, PLANTED[number])))
        few = {
            frame: table[table["seed"].isin(SEEDS[:2])]
            for frame in ("runs", "history", "curvature", "layers")
            if len(table := getattr(whole, frame))
        }
        rows = [row for row in places(number, replace(whole, **few)) if row.comparison.effect]
        assert {row.verdict for row in rows} == {UNDECIDED}, number
        assert "2 seeds, at least 3 are needed" in rows[0].why


def test_a_seed_that_one_method_lacks_is_left_out_for_both():
    evidence = world(gain=ONE)
    gone = (evidence.runs["method"] == "samo-ls") & (evidence.runs["seed"] == 0)
    row = places(5, Evidence(evidence.datasets, runs=evidence.runs[~gone]))[0]
    assert (row.comparison.base, row.interval.n) == ("ls", len(SEEDS) - 1)


def test_a_run_that_diverged_leaves_its_place_and_the_claim_undecided():
    runs = world(gain=ONE).runs
    runs.loc[(runs["method"] == "samo-ls") & (runs["seed"] == 0), "value"] = np.nan
    found = judged(5, Evidence(("multimnist",), runs=runs))
    assert [row.verdict for row in found.places] == [UNDECIDED, SUPPORTED, SUPPORTED]
    assert found.whole.verdict == UNDECIDED
    assert "not finite" in found.places[0].why


def test_a_base_that_is_missing_is_named_and_keeps_the_claim_from_support():
    found = judged(5, world(gain=ONE, bases={"ls": 9.0, "mgda": 5.0}))
    assert [row.verdict for row in found.places] == [SUPPORTED, SUPPORTED, NOT_RUN]
    assert found.whole.verdict == UNDECIDED
    assert "fairgrad" in found.whole.why


def test_a_radius_that_is_given_is_still_the_method_but_another_alpha_is_not():
    for fields, expected in (({"rho": 0.1}, SUPPORTED), ({"alpha": 0.9}, NOT_RUN), ({"alpha": 0.5}, SUPPORTED)):
        assert places(5, world(**PLAIN_LS, extra=[("ls", "samo", fields, 2.0)]))[0].verdict == expected


def test_a_variant_is_never_taken_for_the_method_of_the_table():
    kind = Kind("samo")
    given: dict[str, Any] = {"sharpness": "samo", "fields": {"rho": 0.1}}
    main, other = MethodSpec("main", "ls", **given), MethodSpec("variant", "ls", **given, variant=True)
    assert find([other, main], kind, "ls") == "main"
    assert find([other], kind, "ls") == "variant"
    assert find([other, replace(other, name="another")], kind, "ls") is None


def test_radii_of_f_mtl_are_compared_where_all_else_is_equal():
    adaptive = [("mgda", "fmtl", {"rho": rho, "adaptive": True}, 2.0 * k) for k, rho in enumerate((0.5, 2.0, 5.0))]
    rows = places(16, world(extra=adaptive))
    assert [row.comparison.case for row in rows] == [f"rho {r} for 2, fmtl (adaptive True)" for r in ("0.5", "5")]
    mixed = [*adaptive[:2], ("mgda", "fmtl", {"rho": 5.0}, 4.0)]
    assert judged(16, world(extra=mixed)).whole.verdict == NOT_RUN


def test_variants_are_compared_at_the_longest_budget_that_they_have():
    """All but ASAM ran at 300 updates alone, where SAMO is two points better than at 1,000."""
    runs = world(ladder={300: ONE, 1000: {}}, extra=VARIANTS[:4], bases={"ls": 9.0}).runs
    early = runs["fields"].map(lambda fields: bool(fields) and "adaptive" not in fields)
    runs = runs[~early | (runs["updates"] == 300)]
    ran = [row.comparison for row in places(32, Evidence(("multimnist",), runs=runs)) if row.comparison.effect]
    cases = ["adaptive alpha, 300 updates", "ASAM", "LookSAM, 300 updates", "guided probes, 300 updates"]
    assert [(c.case, round(c.effect.value)) for c in ran if c.effect] == [*zip(cases, (-2, 0, -2, -2), strict=True)]
    # Of a dataset without any of them the cases are the same: they take no verdict away.
    plain = world(ladder={1000: {}}, datasets=("scenes",), bases={"ls": 9.0}).runs
    more = places(32, Evidence(("multimnist", "scenes"), runs=pd.concat([runs, plain])))
    assert [row.comparison.case for row in more] == [case for case in cases for _ in ("multimnist", "scenes")]


def test_separate_aggregation_and_twice_the_cost_are_no_question_where_weights_know_no_gradients():
    assert [row.comparison.base for row in places(13, world(gain={"fmtl": 2.0}))] == ["mgda", "fairgrad"]
    found = places(17, world(cost=cost({"none": 1.2, "fmtl": 2.4})))
    assert [row.comparison.base for row in found] == ["mgda", "fairgrad"]


def test_sampled_layers_are_those_chosen_by_their_cosines_where_a_dataset_has_such_a_variant():
    chosen = [("ls", "samo-sampled", {"layers": ["conv1.weight"]}, 3.0)]
    here = world(gain={"samo": 3.0}, extra=chosen)
    there = world(gain={"samo": 3.0}, datasets=("scenes",), extra=[("ls", "samo-sampled", {"layers": "first"}, 3.0)])
    both = Evidence(("multimnist", "scenes"), runs=pd.concat([here.runs, there.runs], ignore_index=True))
    found = [row for row in places(20, both) if row.comparison.case == "as good"]
    assert [row.comparison.dataset for row in found] == ["multimnist", *["scenes"] * len(BASES)]
    assert [row.verdict for row in found] == [SUPPORTED, *[CONTRADICTED] * len(BASES)]


def test_as_good_as_samo_asks_for_a_gain_of_samo_pooled_over_the_places():
    luck = {"samo ls": 0.6, "samo mgda": -0.6}
    rows = [row for row in places(22, world(gain=luck, cost=cost(STEPS))) if row.comparison.case == "as good"]
    assert {row.verdict for row in rows} == {NOT_TESTABLE}
    assert "SAMO shows no gain here" in rows[0].why


def test_samo_and_placebo_are_compared_at_equal_settings_where_they_show():
    here = [("ls", "placebo", {"rho": rho}, 0.0) for rho in (0.1, 0.3)] + [("ls", "samo", {"rho": 0.3}, 3.0)]
    [row] = places(21, world(**PLAIN_LS, extra=here))
    assert row.verdict == SUPPORTED
    assert "rho 0.3" in row.why
    hidden = [(a, s, f, 0.0) for a, s, f, _ in here]
    [row] = places(21, world(**PLAIN_LS, extra=hidden))
    assert (row.verdict, "does not show" in row.why) == (NOT_TESTABLE, True)


def test_a_learning_rate_that_samo_and_placebo_are_given_is_a_case_of_its_own():
    given = [("ls", f"{s}+lr 0.001", {"rho": 0.3}, x) for s, x in (("placebo", -3.0), ("samo", 1.0))]
    here = [("ls", "placebo", {"rho": 0.3}, 0.0), ("ls", "samo", {"rho": 0.3}, 3.0)]
    plain = [("ls", "none+lr 0.001", {"rho": 0.3}, 0.0)]
    rows = places(21, world(**PLAIN_LS, extra=here + plain + given))
    found = {row.comparison.case: row.comparison.effect.interval()[0] for row in rows if row.comparison.effect}
    assert found == pytest.approx({"rho 0.3": 3.0, "rho 0.3, lr 0.001": 4.0}, abs=0.2)
    searched = judged(21, world(bases={"ls": 9.0}, gain={"samo": 2.0}, extra=plain + given)).cases
    effects = {row.comparison.case: row.interval.mean for row in searched}
    assert effects == pytest.approx({"": 2.0, "rho 0.3, lr 0.001": 4.0}, abs=0.2)
    [alone] = places(21, world(**PLAIN_LS, extra=given))
    assert (alone.verdict, alone.comparison.missing) == (NOT_RUN, "none with lr 0.001 on ls")
    # Where all lose by the rate alone, the perturbation does not show.
    alike = [("ls", f"{s}+lr 0.001", {"rho": 0.3}, -30.0) for s in ("none", "placebo", "samo")]
    assert [row.verdict for row in places(21, world(**PLAIN_LS, extra=alike, seed=1))] == [NOT_TESTABLE]


def test_untuned_means_the_papers_learning_rate():
    elsewhere = [(a, s.replace("0.001", "0.002"), f, x) for a, s, f, x in untuned(2.0)]
    assert {row.verdict for row in places(34, world(extra=elsewhere))} == {NOT_RUN}
    both, own = (places(34, world(extra=extra)) for extra in (untuned(2.0) + elsewhere, untuned(2.0)))
    assert [row.comparison.case for row in both] == [row.comparison.case for row in own]


def test_the_story_compares_a_method_at_a_given_learning_rate_with_its_base_at_that_rate():
    told = story(1)

    def notes(gain: float, **like: str) -> set[str]:
        """With LS, and methods so much better, at a rate that costs 30 points; else as LS and `like`."""
        extra = [("ls", f"{kind}+lr 0.001", {"rho": 0.05}, gain - 30.0) for kind in like]
        frames = {}
        for frame in ("history", "curvature"):
            rows = told[frame]
            copied = {"none": "ls", **like}
            copies = [
                rows[rows["method"] == of].assign(method=f"{kind}+lr 0.001-ls-0.05") for kind, of in copied.items()
            ]
            frames[frame] = pd.concat([rows, *copies])
        at = [("ls", "none+lr 0.001", {"rho": 0.05}, -30.0), *extra]
        return {row.comparison.note for row in places(24, world(**told | frames | {"extra": at}))}

    [before] = {row.comparison.note for row in places(24, world(**told))}
    assert notes(0.0, gsam="ls", lsam="ls") == {before}  # they change nothing at that rate, so they are no variants
    assert notes(1.0, gsam="gsam-ls") == {before}  # of one, nothing is left without its base's mean
    variants, bases = before.split()[0], before.split()[-2]
    more = f"{int(variants) + 2} variants ({int(variants) + 2} methods) of {int(bases) + 1} bases"
    assert notes(1.0, gsam="gsam-ls", lsam="lsam-ls") == {more}


def test_methods_at_one_radius_are_one_variant_of_the_story():
    made = world(**story(1))
    every = len(SHARPNESS) - 1
    radius = made.runs["sharpness"].map(dict.fromkeys(("gsam", "samo", "placebo", "msam"), 0.05))
    for column, variants in ((made.runs["rho"], every), (radius, every - 2)):  # msam looks ahead
        rows = places(24, replace(made, runs=made.runs.assign(rho=column)))
        said = f"{variants * len(BASES)} variants ({every * len(BASES)} methods) of {len(BASES)} bases"
        assert {row.comparison.note for row in rows} == {said}


def test_layers_picked_by_their_own_noise_do_not_lead():
    rng = np.random.default_rng(0)
    noise = pd.DataFrame(rng.uniform(0.5, 1.5, (150, 9)))
    assert np.exp(np.log(concentration(noise)).mean()) == pytest.approx(1.0, abs=0.05)
    moved = movement(layers((0.0, 1.0, 0.0, 0.5)).query("method == 'ls'"))
    assert list(moved.columns) == [f"layer{k}" for k in range(4)]
    assert moved["layer1"].to_numpy() == pytest.approx(1.0, abs=0.1)


def test_weight_and_bias_are_one_layer():
    rows = layers((0.2, 0.6)).query("method == 'ls'")
    named = rows.assign(layer=rows["layer"].map({"layer0": "conv.weight", "layer1": "conv.bias"}))
    assert movement(named).mean().to_dict() == pytest.approx({"conv": 0.4}, abs=0.05)


def test_the_seeds_noise_is_no_spread_of_methods():
    rng = np.random.default_rng(4)
    true = np.array([0.0, 1.0, 2.0])
    found = [spread(pd.DataFrame(true + rng.normal(0, 3, (6, 1)) + rng.normal(0, 1, (6, 3)))) for _ in range(150)]
    assert np.mean(found) == pytest.approx(true.var(ddof=1), abs=0.15)
