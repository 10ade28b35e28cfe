"""The rule keeps its promises: what is planted is found, and where nothing is, false verdicts are as rare as said."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ttest_1samp
from statsmodels.stats.multitest import multipletests

from samo.claims.contrast import GAIN, POSITIVE, Comparison, Region
from samo.claims.correction import holm, shared_control
from samo.claims.effects import Effect, exactly, of_repeats, of_seeds
from samo.claims.rule import Judged, Verdict, judge

SUPPORTED, EQUIVALENT, CONTRADICTED, UNDECIDED, NOT_TESTABLE, NOT_RUN = Verdict


def interval(low: float, high: float) -> Effect:
    """An effect with this 95 % interval."""
    return of_repeats((low + high) / 2, low, high, 10_000)


def one(effect: Effect | None, region: Region = GAIN) -> Verdict:
    return judge([Comparison("d", effect, region, missing="runs")]).whole.verdict


@pytest.mark.parametrize(
    ("low", "high", "region", "expected"),
    [
        (0.1, 2, GAIN, SUPPORTED),
        (-2, -0.1, GAIN, CONTRADICTED),
        (-1, 1, GAIN, UNDECIDED),
        (0.1, 0.3, GAIN, EQUIVALENT),  # above 0, and smaller than what matters
        (-0.3, 0.52, GAIN, EQUIVALENT),  # its 90 % interval is inside
        (-0.3, 0.65, GAIN, UNDECIDED),
        (0.1, 0.3, POSITIVE, SUPPORTED),
        (0, 1, POSITIVE, UNDECIDED),
        (2.0, 2.2, Region(1.5, 2.5), SUPPORTED),
        (2.4, 2.6, Region(1.5, 2.5), UNDECIDED),
        (1, 1.4, Region(1.5, 2.5), CONTRADICTED),
        (1, 3, Region(1.5, 2.5), UNDECIDED),
        (math.nan, math.nan, GAIN, UNDECIDED),
    ],
)
def test_an_interval_against_a_region(low: float, high: float, region: Region, expected: Verdict):
    assert one(interval(low, high), region) == expected


def test_two_seeds_decide_nothing_and_what_is_missing_is_no_evidence():
    assert one(of_seeds((5.0, 5.1))) == UNDECIDED
    assert one(of_seeds((5.0, 5.1, 5.2))) == SUPPORTED
    assert one(None) == NOT_RUN
    assert judge([]).whole.verdict == NOT_RUN
    assert judge([Comparison("d", None, untestable="no gain")]).whole.verdict == NOT_TESTABLE


def cases(*kinds: str) -> Judged:
    """Cases of one place each, by what each comes to: + = - ? t 0."""
    effects = {"+": exactly(1.0), "=": interval(-0.1, 0.1), "-": exactly(-1.0), "?": interval(-2, 2)}
    made = [
        Comparison("d", effects.get(x), GAIN, case=f"c{k}", missing="runs", untestable="no gain" * (x == "t"))
        for k, x in enumerate(kinds)
    ]
    return judge(made)


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ("+++", SUPPORTED),
        ("++=", EQUIVALENT),
        ("++?", UNDECIDED),
        ("++-", CONTRADICTED),
        ("?-", CONTRADICTED),
        ("+t", NOT_TESTABLE),
        ("t-", CONTRADICTED),
        ("+0", UNDECIDED),
        ("+00", NOT_RUN),
        ("-00", CONTRADICTED),
        ("00", NOT_RUN),
    ],
)
def test_a_claim_is_as_strong_as_its_weakest_case(kinds: str, expected: Verdict):
    assert cases(*kinds).whole.verdict == expected


@pytest.mark.parametrize(("low", "high", "expected"), [(1, 2, SUPPORTED), (-0.1, 0.1, EQUIVALENT)])
def test_a_dataset_that_was_run_in_part_keeps_a_claim_from_support(low: float, high: float, expected: Verdict):
    whole, part = Comparison("d", interval(low, high), GAIN), Comparison("d", None, missing="samo on mgda")
    assert judge([whole, part]).whole.verdict == UNDECIDED
    other = judge([whole, Comparison("e", None, missing="samo on mgda")]).whole
    assert other.verdict == expected
    assert "not run: e" in other.why


def test_a_place_with_too_few_seeds_is_named_and_not_pooled():
    whole = [Comparison("d", of_seeds(5 + np.array([0.0, 0.1, 0.2, 0.05])), GAIN, base=base) for base in ("ls", "mgda")]
    begun = Comparison("d", of_seeds([9.0]), GAIN, base="fairgrad")
    alone, found = judge(whole).cases[0], judge([*whole, begun]).cases[0]
    assert found.interval == alone.interval
    assert (alone.verdict, found.verdict) == (SUPPORTED, UNDECIDED)
    assert "too few seeds: d fairgrad" in found.why
    assert judge([*whole, replace(begun, dataset="e")]).cases[0].verdict == SUPPORTED
    against = [replace(c, region=Region(high=0.0)) for c in (*whole, begun)]
    assert judge(against).whole.verdict == CONTRADICTED


def test_a_single_place_and_its_case_come_to_the_same():
    for half in np.linspace(0.05, 0.6, 12):
        found = judge([Comparison("d", interval(-half, half + 0.1), Region(-0.5, 0.5))])
        assert found.places[0].verdict == found.cases[0].verdict


def test_one_place_that_says_the_opposite_is_named_and_keeps_the_whole_from_support():
    rng = np.random.default_rng(12)
    good = [Comparison(f"d{k}", of_seeds(3 + rng.normal(size=8)), GAIN) for k in range(11)]
    bad = Comparison("e", of_seeds(rng.normal(size=8) - 3), GAIN, base="fairgrad")
    assert judge(good).whole.verdict == SUPPORTED
    found = judge([*good, bad]).whole
    assert found.interval.mean > 0
    assert found.verdict == UNDECIDED
    assert "contradicted on e fairgrad" in found.why


def test_places_far_apart_that_all_contradict_contradict():
    found = judge([Comparison("d", of_seeds(m + np.array([-0.1, 0.0, 0.1, 0.05])), GAIN) for m in (-1.0, -54.0)])
    assert found.cases[0].interval.high > 0
    assert found.whole.verdict == CONTRADICTED


def test_a_place_too_noisy_to_weigh_is_not_among_those_a_verdict_speaks_of():
    rng = np.random.default_rng(1)
    loud = Comparison("qm9", of_seeds(40 * rng.normal(size=5)), GAIN)
    quiet = [Comparison(f"d{k}", of_seeds(1 + rng.normal(size=9)), GAIN) for k in range(5)]
    found = judge([loud, *quiet]).whole
    assert found.datasets == tuple(f"d{k}" for k in range(5))
    assert "too noisy to weigh: qm9" in found.why


def test_holm_is_the_library_s():
    rng = np.random.default_rng(0)
    for _ in range(2):
        p = rng.beta(0.3, 3, 7)
        assert holm([*p, math.nan], 0.05) == [*multipletests(p, 0.05, method="holm")[0], False]
    assert holm([0.01, 0.03, 0.04], 0.05) == [True, False, False]  # what follows a failure fails


def test_comparisons_with_one_shared_method_err_together_as_rarely_as_said():
    """Three methods no different from a shared fourth: plain tests err more often than Dunnett's one in forty."""
    rng = np.random.default_rng(1)
    plain = corrected = 0
    for _ in range(50):
        values = rng.normal(size=8) + rng.normal(size=(4, 8))
        gaps = [dict(enumerate(row - values[-1])) for row in values[:-1]]
        p = shared_control(gaps)
        assert p is not None
        corrected += min(p[0]) < 0.025
        plain += any(ttest_1samp(list(gap.values()), 0, alternative="greater").pvalue < 0.025 for gap in gaps)
    assert corrected / 50 < 0.025 + 0.035
    assert corrected < plain


def test_comparisons_that_share_a_method_are_corrected_for_it():
    rng = np.random.default_rng(49)
    shared = 0.8 * rng.normal(size=8)
    gaps = [of_seeds(shared + 0.6 * rng.normal(size=8) + mean) for mean in (1.2, 0.8, 0.7)]

    def verdicts(*controls: str) -> list[Verdict]:
        return [
            row.verdict
            for row in judge(
                [
                    Comparison("d", gap, POSITIVE, methods=(f"m{k}", control))
                    for k, (gap, control) in enumerate(zip(gaps, controls, strict=True))
                ]
            ).places
        ]

    assert verdicts("a", "b", "c") == [SUPPORTED] * 3
    assert verdicts("a", "a", "a") == [SUPPORTED, UNDECIDED, SUPPORTED]


def test_places_are_corrected_for_their_number():
    rng = np.random.default_rng(11)
    loose = 0
    for _ in range(80):
        found = judge([Comparison(f"d{k}", of_seeds(rng.normal(size=6)), POSITIVE) for k in range(12)])
        loose += any(row.verdict != UNDECIDED for row in found.places)
    assert loose / 80 < 0.05 + 0.05
