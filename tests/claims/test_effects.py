"""Effects know their intervals."""

import math

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from samo.claims.effects import Largest, RankCorrelation, Repeats, Rounds, Seeds


def test_seeds_are_student_s_interval_at_any_level():
    values = (1.0, 2.0, 4.0, 3.0)
    for level in (0.95, 0.999):
        theirs = ttest_1samp(values, 0).confidence_interval(level)
        ours = Seeds(values).interval(level)
        assert (ours.low, ours.high, ours.n) == pytest.approx((theirs.low, theirs.high, 4))


def test_a_ratio_is_averaged_so_that_twice_and_half_cancel():
    found = Seeds((2.0, 0.5, 4.0, 0.25), ratio=True).interval(0.95)
    assert found.mean == pytest.approx(1.0)
    assert found.low * found.high == pytest.approx(1.0)
    assert math.isnan(Seeds((2.0, -1.0, 2.0), ratio=True).interval(0.95).low)


def test_a_quotient_of_rounds_holds_the_true_one_as_often_as_said():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(600):
        own, other = rng.lognormal(math.log(4), 0.1, 15), rng.lognormal(math.log(2), 0.1, 15)
        # As the statistics module has the quartiles of 15 values: the 4th and the 12th.
        first, second = (Rounds(*(np.sort(times)[[7, 3, 11]])) for times in (own, other))
        found = (first / second).interval(0.95)
        hits += found.low <= 2.0 <= found.high
    assert hits / 600 > 0.95


def test_wider_levels_give_wider_limits():
    for effect in (Rounds(2.0, 1.9, 2.2), Repeats(0.5, 0.4, 0.6, 8), RankCorrelation(0.5, 12), Seeds((1.0, 2.0, 4.0))):
        narrow, wide = effect.interval(0.95), effect.interval(0.999)
        assert wide.low < narrow.low <= narrow.mean <= narrow.high < wide.high


def test_repeats_stretch_as_student_s_interval_does():
    values = np.array([1.0, 2.0, 4.0, 3.0])
    low, high = ttest_1samp(values, 0).confidence_interval(0.95)
    theirs = ttest_1samp(values, 0).confidence_interval(0.99)
    ours = Repeats(2.5, low, high, 4).interval(0.99)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))
    assert math.isnan(Repeats(2.5, math.nan, math.nan, 1).interval(0.95).low)


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_a_rank_correlation_is_covered_as_often_as_said(rho: float):
    from scipy.stats import spearmanr

    rng = np.random.default_rng(1)
    true = 6 / math.pi * math.asin(rho / 2)  # of normal pairs
    hits = 0
    for _ in range(400):
        x, y = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], 16).T
        found = RankCorrelation(float(spearmanr(x, y).statistic), 16).interval(0.95)
        hits += found.low <= true <= found.high
    assert hits / 400 > 0.92


def test_a_perfect_order_of_few_methods_is_not_certain():
    few, many = (RankCorrelation(1.0, n).interval(0.95) for n in (5, 30))
    assert few.low < 0 < many.low < 1
    assert many.high <= 1
    assert math.isnan(RankCorrelation(1.0, 3).interval(0.95).low)


def test_the_largest_of_several_pays_for_their_number():
    effects = {"a": Seeds((1.0, 1.2, 1.1, 0.9)), "b": Seeds((-1.0, 5.0, 0.0, 2.0)), "c": Seeds((0.2, 0.1, 0.0, 0.1))}
    largest = Largest(effects)
    found = largest.interval(0.95)
    one_in_three = {key: effect.interval(1 - 0.05 / 3) for key, effect in effects.items()}
    assert largest.where == "b"
    assert found.low == one_in_three["a"].low
    assert found.high == one_in_three["b"].high
    rng = np.random.default_rng(2)
    false = 0
    for _ in range(500):
        draws = {str(k): Seeds(tuple(rng.normal(size=4))) for k in range(8)}
        false += Largest(draws).interval(0.95).low > 0
    assert false / 500 < 0.05
