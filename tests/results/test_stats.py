"""The intervals keep their promise."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp, ttest_rel

from samo.results.stats import delta_m_interval, mean_interval, paired_interval, seeds_interval, summarise

samples = st.lists(st.floats(-100, 100), min_size=2, max_size=8)


@given(samples)
def test_mean_interval_is_student_s(values: list[float]):
    ours = mean_interval(values)
    assert ours.low <= ours.mean <= ours.high
    if np.ptp(values) > 1e-6:
        theirs = ttest_1samp(values, 0).confidence_interval(0.95)
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=1e-6, abs=1e-9)


def test_delta_m_interval_holds_the_noise_of_both_sides():
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(1500):
        base = rng.normal([90.0, 0.5], [0.5, 0.005], (3, 2))
        ours = rng.normal([91.8, 0.51], [0.5, 0.005], (3, 2))
        result = delta_m_interval(ours, base, [True, False])
        hits += result.low <= 0.0 <= result.high  # 2 % better and 2 % worse: nothing on balance
    # Welch's degrees of freedom are a little cautious at three against three.
    assert 0.93 < hits / 1500 < 0.985


def test_a_metric_without_a_base_has_no_part_in_the_interval():
    rng = np.random.default_rng(2)
    ours, base = rng.normal(90, 1, (3, 3)), rng.normal(90, 1, (3, 3))
    base[:, 1] = 0
    kept = delta_m_interval(ours[:, [0, 2]], base[:, [0, 2]], [True, False])
    assert tuple(delta_m_interval(ours, base, [True, True, False])) == pytest.approx(tuple(kept))
    assert kept.low < kept.mean < kept.high
    assert np.isnan(delta_m_interval(ours[:, [1]], base[:, [1]], [True])[:3]).all()


def test_pairing_uses_common_seeds_only_and_cancels_what_they_share():
    first, second = {"0": 1.0, "1": 5.0, "2": 9.1}, {"2": 8.0, "0": 0.1, "1": 4.0, "3": 77.0}
    ours = paired_interval(first, second)
    theirs = ttest_rel([1.0, 5.0, 9.1], [0.1, 4.0, 8.0]).confidence_interval()
    assert (ours.low, ours.high, ours.n) == pytest.approx((theirs.low, theirs.high, 3))
    assert ours.sign == 1


def test_one_seed_has_a_mean_and_no_interval():
    one = mean_interval([3.0])
    assert one.mean == 3.0
    assert np.isnan(one.low)
    assert np.isnan(one.high)
    assert one.sign == 0
    assert np.isnan(delta_m_interval([[1.0]], [[1.0], [2.0]], [True]).low)
    assert mean_interval([]).n == 0
    assert np.isnan(mean_interval([1.0, np.nan, 2.0]).mean)  # a run that diverged is not dropped in silence


def test_summarise_agrees_with_mean_interval_and_keeps_the_order():
    frame = pd.DataFrame({"method": ["b", "a", "b", "a", "b", "c"], "value": [1.0, 2.0, 3.0, 2.5, 8.0, 1.0]})
    out = summarise(frame, ["method"]).set_index("method")
    assert list(out.index) == ["b", "a", "c"]
    assert tuple(out.loc["b", ["mean", "low", "high"]]) == pytest.approx(mean_interval([1.0, 3.0, 8.0])[:3])
    assert out["low"].isna().tolist() == [False, False, True]


def test_of_few_seeds_the_interval_is_student_s_alone():
    values = np.random.default_rng(3).normal(size=9)
    assert seeds_interval(values) == mean_interval(values)
    more = np.append(values, 0.3)
    assert seeds_interval(more).low <= mean_interval(more).low
    assert seeds_interval(more).high >= mean_interval(more).high
    assert seeds_interval(more) == seeds_interval(more)
    assert np.isnan(seeds_interval([*more, np.nan]).low)


def test_the_bootstrap_widens_the_side_to_which_the_noise_is_skewed():
    values = np.random.default_rng(5).exponential(size=10)
    found, turned = seeds_interval(values), seeds_interval(-values)
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))
    assert found.high > mean_interval(values).high
    assert turned.low < mean_interval(-values).low


@pytest.mark.parametrize("noise", ["normal", "laplace", "exponential"])
def test_more_seeds_are_covered_as_often_as_said_whatever_the_noise(noise):
    rng = np.random.default_rng(4)
    draws = getattr(rng, noise)(size=(500, 10)) - (noise == "exponential")
    covered = np.mean([i.low <= 0 <= i.high for i in map(seeds_interval, draws)])
    alone = np.mean([i.low <= 0 <= i.high for i in map(mean_interval, draws)])
    assert 0.93 < covered < 0.985
    if noise == "exponential":
        assert alone < 0.93
