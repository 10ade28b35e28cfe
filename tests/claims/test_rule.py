"""The rule keeps its promises: what is planted is found, and where nothing is, false verdicts are as rare as said."""

import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from samo.claims.effects import Exact, Seeds
from samo.claims.rule import POSITIVE, Comparison, Region, Row, Verdict, judge, overall, verdict
from samo.results.stats import Interval
from tests.claims.worlds import world

SUPPORTED, CONTRADICTED, UNDECIDED, NOT_RUN = Verdict
Draw = Callable[[np.random.Generator, int], np.ndarray]

NOISES: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "long-tailed": lambda rng, n: rng.laplace(size=n),
    "rounded": lambda rng, n: np.round(rng.normal(size=n) * 2),
}
"""Of paired differences where two methods are alike: either may lead, so all are symmetric."""


def seeds(*values: float) -> Comparison:
    return Comparison("d", Seeds(values))


def verdicts(draw: Draw, n: int, shift: float, times: int, region: Region = POSITIVE) -> Counter[Verdict]:
    rng = np.random.default_rng(5)
    comparisons = [Comparison("d", Seeds(tuple(shift + draw(rng, n))), region) for _ in range(times)]
    return Counter(judge([test])[0].verdict for test in comparisons)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize(("n", "times"), [(3, 2000), (5, 2000), (12, 500)])
def test_without_an_effect_false_verdicts_are_at_most_one_in_twenty(noise: str, n: int, times: int):
    found = verdicts(NOISES[noise], n, 0.0, times)
    rate = (found[SUPPORTED] + found[CONTRADICTED]) / times
    assert rate < 0.05 + 2 * math.sqrt(0.05 * 0.95 / times)
    assert found[UNDECIDED]
    if noise == "normal" and n < 10:
        assert rate > 0.03  # no more careful than it says, either


@pytest.mark.parametrize(("n", "shift"), [(3, 6.0), (5, 2.5), (12, 1.5)])
def test_an_effect_that_is_there_is_found(n: int, shift: float):
    assert verdicts(NOISES["normal"], n, shift, 200)[SUPPORTED] > 180
    assert verdicts(NOISES["normal"], n, -shift, 200)[CONTRADICTED] > 180


def test_alike_within_a_margin_is_told_from_not_alike():
    margin = Region(-1.0, 1.0)
    alike = verdicts(lambda rng, n: rng.normal(0, 0.1, n), 5, 0.0, 200, margin)
    on_edge = verdicts(lambda rng, n: rng.normal(0, 0.1, n), 5, 1.0, 1000, margin)
    apart = verdicts(lambda rng, n: rng.normal(0, 0.1, n), 5, 2.0, 200, margin)
    assert alike[SUPPORTED] > 190
    assert apart[CONTRADICTED] > 190
    assert on_edge[SUPPORTED] + on_edge[CONTRADICTED] < 70


def test_a_bootstrap_of_three_seeds_would_break_the_promise():
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(400):
        sample = rng.normal(size=3)
        means = sample[rng.integers(0, 3, (500, 3))].mean(axis=1)
        low, high = np.quantile(means, [0.025, 0.975])
        wrong += not low <= 0 <= high
    assert wrong / 400 > 0.2


@pytest.mark.parametrize(
    ("low", "high", "region", "expected"),
    [
        (0.1, 2, POSITIVE, SUPPORTED),
        (-2, -0.1, POSITIVE, CONTRADICTED),
        (-1, 1, POSITIVE, UNDECIDED),
        (0, 1, POSITIVE, UNDECIDED),
        (2.0, 2.2, Region(1.5, 2.5), SUPPORTED),
        (2.4, 2.6, Region(1.5, 2.5), UNDECIDED),
        (2.6, 3, Region(1.5, 2.5), CONTRADICTED),
        (1, 1.4, Region(1.5, 2.5), CONTRADICTED),
        (1, 3, Region(1.5, 2.5), UNDECIDED),
        (math.nan, math.nan, POSITIVE, UNDECIDED),
    ],
)
def test_an_interval_against_a_region(low: float, high: float, region: Region, expected: Verdict):
    assert verdict(Interval((low + high) / 2, low, high, 3), region) == expected
    assert verdict(Interval((low + high) / 2, low, high, 2), region) == UNDECIDED


def test_seeds_that_agree_to_the_last_digit_decide_nothing_unless_nothing_differs():
    same, none = judge([seeds(0.1, 0.1, 0.1), seeds(0.0, 0.0, 0.0)])
    assert (same.verdict, none.verdict) == (UNDECIDED, UNDECIDED)
    assert "noise is unknown" in same.why
    alike = judge([Comparison("d", Seeds((0.0, 0.0, 0.0)), Region(-1, 1))])[0]
    assert alike.verdict == SUPPORTED


def rows(*kinds: str) -> list[Row]:
    """Comparisons on datasets of their own, each with what it comes to: + - ? 0."""
    made = {"+": Exact(1.0), "-": Exact(-1.0), "?": Exact(0.0), "0": None}
    return judge([Comparison(f"d{k}", made[kind], missing="cells") for k, kind in enumerate(kinds)])


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ("+++", SUPPORTED),
        ("++?", UNDECIDED),
        ("++-", CONTRADICTED),
        ("?-", CONTRADICTED),
        ("?", UNDECIDED),
        ("00", NOT_RUN),
        ("", NOT_RUN),
        ("+0", SUPPORTED),
        ("0-", CONTRADICTED),
    ],
)
def test_a_claim_is_all_of_its_comparisons(kinds: str, expected: Verdict):
    assert overall(rows(*kinds)).verdict == expected


def test_a_dataset_that_was_run_in_part_keeps_a_claim_from_support():
    whole, part = Comparison("d", Exact(1.0)), Comparison("d", None, missing="samo on mgda")
    assert overall(judge([whole, part])).verdict == UNDECIDED
    other = overall(judge([whole, Comparison("e", None, missing="samo on mgda")]))
    assert other.verdict == SUPPORTED
    assert "not run: e" in other.why


def test_the_claim_shows_the_comparison_that_supports_it_least():
    weak, strong = seeds(0.1, 0.9, 0.2), seeds(5.0, 5.1, 5.2)
    row = overall(judge([strong, weak]))
    assert row.interval.mean == pytest.approx(0.4)
    assert row.interval == judge([weak])[0].interval


def test_looking_in_many_places_does_not_refute_a_claim_by_chance():
    rng = np.random.default_rng(11)
    plain = refuted = supported = 0
    for _ in range(400):
        found = judge([seeds(*rng.normal(size=4)) for _ in range(12)])
        plain += any(row.verdict == CONTRADICTED for row in found)
        whole = overall(found).verdict
        refuted += whole == CONTRADICTED
        supported += whole == SUPPORTED
    assert plain > 60  # of 400: one in forty, twelve times
    assert refuted <= 20
    assert not supported


def test_one_true_counterexample_among_many_refutes_a_claim():
    rng = np.random.default_rng(12)
    good = [seeds(*(3 + rng.normal(size=8))) for _ in range(11)]
    assert overall(judge([*good, seeds(*(rng.normal(size=8) - 5))])).verdict == CONTRADICTED
    assert overall(judge(good)).verdict == SUPPORTED


@pytest.mark.parametrize("n", [3, 6])
def test_whole_worlds_without_an_effect(n: int):
    """From runs to verdicts: two methods alike on three aggregators, claim 5, with seed noise that they share."""
    from samo.claims.c05_improves import comparisons

    rng = np.random.default_rng(n)
    found: Counter[Verdict] = Counter()
    whole: Counter[Verdict] = Counter()
    for _ in range(40):
        evidence = world(sharpness=("none", "samo"), seeds=range(n), noise=1.0, generator=rng)
        judged = judge(comparisons(evidence))
        found.update(row.verdict for row in judged)
        whole[overall(judged).verdict] += 1
    false = found[SUPPORTED] + found[CONTRADICTED]
    assert false / found.total() < 0.05 + 2 * math.sqrt(0.05 * 0.95 / found.total())
    assert whole[UNDECIDED] >= 36
