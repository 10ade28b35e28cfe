"""Effects know their intervals, and pooled ones are not narrower than their places' noise."""

import math

import numpy as np
import pytest
from scipy.stats import spearmanr, ttest_1samp
from statsmodels.stats.meta_analysis import combine_effects

from samo.claims.effects import Effect, Scale, exactly, largest, of_ranks, of_repeats, of_rounds, of_seeds, pooled


def test_seeds_are_student_s_interval_and_test_at_any_level():
    values = (1.0, 2.0, 4.0, 3.0)
    for level in (0.95, 0.999):
        theirs, ours = ttest_1samp(values, 0).confidence_interval(level), of_seeds(values).interval(level)
        assert (ours.low, ours.high, ours.n) == pytest.approx((theirs.low, theirs.high, 4))
    assert of_seeds(values).above(1.5) == pytest.approx(ttest_1samp(values, 1.5, alternative="greater").pvalue)
    assert of_seeds(values).below(1.5) == pytest.approx(ttest_1samp(values, 1.5, alternative="less").pvalue)


def test_a_ratio_is_averaged_so_that_twice_and_half_cancel():
    found = of_seeds((2.0, 0.5, 4.0, 0.25), ratio=True)
    assert found.interval().mean == pytest.approx(1.0)
    assert found.interval().low * found.interval().high == pytest.approx(1.0)
    assert found.above(1.0) == pytest.approx(0.5)
    assert math.isnan(of_seeds((2.0, -1.0, 2.0), ratio=True).interval().low)


def test_seeds_that_agree_to_the_last_digit_leave_their_noise_unknown_unless_nothing_differs():
    assert math.isnan(of_seeds((0.1, 0.1, 0.1)).interval().low)
    assert of_seeds((0.0, 0.0, 0.0)).interval()[:3] == (0.0, 0.0, 0.0)
    assert math.isnan(of_seeds((0.1, math.nan, 0.3)).interval().mean)


def test_intervals_that_are_not_of_seeds():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        own, other = rng.lognormal(math.log(4), 0.1, 15), rng.lognormal(math.log(2), 0.1, 15)
        # As the statistics module has the quartiles of 15 values: the 4th and the 12th.
        found = of_rounds(*((*np.sort(times)[[7, 3, 11]],) for times in (own, other))).interval()
        hits += found.low <= 2.0 <= found.high
    assert hits / 400 > 0.94
    values = np.array([1.0, 2.0, 4.0, 3.0])
    given = ttest_1samp(values, 0).confidence_interval(0.95)
    theirs = ttest_1samp(values, 0).confidence_interval(0.99)
    ours = of_repeats(2.5, given.low, given.high, 4).interval(0.99)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))
    assert math.isnan(of_repeats(2.5, math.nan, math.nan, 1).interval().low)


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_a_rank_correlation_is_covered_as_often_as_said(rho: float):
    rng = np.random.default_rng(1)
    true = 6 / math.pi * math.asin(rho / 2)  # of normal pairs
    hits = 0
    for _ in range(300):
        x, y = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], 16).T
        found = of_ranks(float(spearmanr(x, y).statistic), 16).interval()
        hits += found.low <= true <= found.high
    assert hits / 300 > 0.92
    few, many = (of_ranks(1.0, n).interval() for n in (5, 30))
    assert few.low < 0 < many.low < 1 >= many.high
    assert math.isnan(of_ranks(1.0, 3).interval().low)


def test_the_largest_of_several_pays_for_their_number():
    where, found = largest({"a": of_seeds((1.0, 1.2, 1.1, 0.9)), "b": of_seeds((-1.0, 5.0, 0.0, 2.0))})
    assert where == "a"
    assert found.interval().low == pytest.approx(of_seeds((1.0, 1.2, 1.1, 0.9)).interval(0.975).low)
    rng = np.random.default_rng(2)
    draws = [{str(k): of_seeds(tuple(rng.normal(size=4))) for k in range(8)} for _ in range(60)]
    assert sum(largest(draw)[1].above(0.0) < 0.025 for draw in draws) / 60 < 0.07


def places(rng: np.random.Generator, truth: np.ndarray, seeds: int, shared: float) -> list[tuple[str, Effect]]:
    """Three places a dataset, whose noise of spread 1 has a share in common, seed by seed."""
    found = []
    for d, of_dataset in enumerate(truth.reshape(-1, 3)):
        common = rng.normal(size=seeds) * math.sqrt(shared)
        for mean in of_dataset:
            found.append((str(d), of_seeds(mean + common + rng.normal(size=seeds) * math.sqrt(1 - shared))))
    return found


def test_a_pooled_effect_is_the_library_s_and_never_narrower_than_the_seeds_noise():
    rng = np.random.default_rng(3)
    apart = places(rng, rng.normal(0, 2, 9), 10, 0.0)
    values, variances = (np.array([f(e) for _, e in apart]) for f in (lambda e: e.value, lambda e: e.errors[0][0] ** 2))
    variances = np.repeat(np.median(variances.reshape(3, 3), axis=1), 3)
    model = combine_effects(values, variances, method_re="iterated", use_t=True)
    low, high = model.conf_int()[3]
    found = pooled(apart)
    assert (found.interval().low, found.interval().high) == pytest.approx((low, high))
    alike = places(rng, np.zeros(3), 10, 0.99)
    assert pooled(alike).errors[1][0] == pytest.approx(alike[0][1].errors[0][0], rel=0.1)
    assert pooled(alike[:1]) == alike[0][1]


@pytest.mark.parametrize("tau", [0.0, 1.0])
def test_a_pooled_interval_holds_the_mean_as_often_as_said(tau: float):
    rng = np.random.default_rng(4)
    missed = 0
    for _ in range(200):
        found = pooled(places(rng, rng.normal(0, tau, 9), 8, 0.2)).interval()
        missed += not found.low <= 0 <= found.high
    assert missed / 200 < 0.05 + 2 * math.sqrt(0.05 * 0.95 / 200)


def test_pooled_ratios_are_pooled_as_logarithms_and_what_has_no_noise_stays_exact():
    two = [("a", of_seeds((2.0, 2.2, 1.8), ratio=True)), ("b", of_seeds((0.5, 0.45, 0.55), ratio=True))]
    assert pooled(two).interval().mean == pytest.approx(1.0, abs=0.05)
    assert pooled(two).scale is Scale.LOG
    assert exactly(2.0).exact
    assert exactly(2.0).interval()[:3] == (2.0, 2.0, 2.0)
    assert (exactly(2.0).above(1.0), exactly(2.0).below(1.0)) == (0.0, 1.0)
