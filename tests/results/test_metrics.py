"""What must hold for Delta-m and mean rank in any table (`test_published.py` recomputes the papers')."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samo.results.metrics import delta_m, has_relative_change, mean_rank

positive = st.floats(0.1, 100)


@given(st.lists(st.tuples(positive, st.booleans()), min_size=1, max_size=6))
def test_delta_m_of_the_base_is_zero_and_worse_is_positive(entries: list[tuple[float, bool]]):
    base = np.array([value for value, _ in entries])
    higher = np.array([direction for _, direction in entries])
    assert delta_m(base, base, higher) == pytest.approx(0)
    assert delta_m(np.where(higher, 0.9, 1.1) * base, base, higher) == pytest.approx(10)


@given(st.permutations(range(5)), st.booleans())
def test_ranks_follow_the_values_and_sum_to_a_constant(order: list[int], higher: bool):
    ranks = mean_rank(np.array(order, dtype=float)[:, None], [higher])
    assert sorted(ranks) == [1, 2, 3, 4, 5]
    assert order[int(np.argmin(ranks))] == (4 if higher else 0)


def test_equal_values_share_their_rank_and_gaps_take_no_part():
    assert mean_rank([[1.0], [1.0], [0.0], [np.nan]], [True]).tolist()[:3] == [1.5, 1.5, 3.0]
    assert np.isnan(mean_rank([[1.0], [np.nan]], [True])[1])


def test_where_the_base_is_zero_a_metric_is_left_out_for_every_method():
    values, base, higher = [[0.3, 0.9, 2.0], [0.0, 1.1, 2.2]], [0.0, 1.0, 2.0], [True, True, False]
    assert has_relative_change(base).tolist() == [False, True, True]
    assert delta_m(values, base, higher) == pytest.approx(delta_m(np.array(values)[:, 1:], base[1:], higher[1:]))
    assert delta_m(values, base, higher) == pytest.approx([5, 0])


def test_without_any_metric_left_or_with_a_value_or_base_missing_there_is_no_delta_m():
    assert np.isnan(delta_m([[1.0], [2.0]], [0.0], [True])).tolist() == [True, True]
    assert np.isnan(delta_m([[1.0, np.nan], [1.0, 2.0]], [1.0, 2.0], [True, True])).tolist() == [True, False]
    assert np.isnan(delta_m([1.0, 2.0], [1.0, np.nan], [True, True]))
